"""Stopping, starting, changing and ending machines; the content of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable


def code(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    found: str = refused.value.response["Error"]["Code"]
    return found


@pytest.fixture
def volume(local_records: Any) -> str:
    made: str = local_records.client("ec2").create_volume(
        AvailabilityZone="us-east-1a", Size=4, VolumeType="gp3"
    )["VolumeId"]
    return made


def test_stopping_and_starting(local_records: Any, launch: Callable[..., str], settled: Any) -> None:
    ec2 = local_records.client("ec2")
    found = launch()
    address = settled(ec2, found, "running")["PrivateIpAddress"]
    change = ec2.stop_instances(InstanceIds=[found])["StoppingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    stopped = settled(ec2, found, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert stopped["StateTransitionReason"].startswith("User initiated (")
    assert stopped["PrivateIpAddress"] == address
    assert "PublicIpAddress" not in stopped
    change = ec2.start_instances(InstanceIds=[found])["StartingInstances"][0]
    assert change["CurrentState"]["Name"] == "pending"
    assert settled(ec2, found, "running")["PrivateIpAddress"] == address
    ec2.terminate_instances(InstanceIds=[found])
    assert settled(ec2, found, "terminated")["State"]["Code"] == 48
    assert code(ec2.start_instances, InstanceIds=[found]) == "IncorrectInstanceState"


def test_only_a_stopped_machine_changes_its_type(
    local_records: Any, launch: Callable[..., str], settled: Any
) -> None:
    ec2 = local_records.client("ec2")
    found = launch()
    larger = {"InstanceId": found, "InstanceType": {"Value": "t3.small"}}
    assert code(ec2.modify_instance_attribute, **larger) == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[found])
    settled(ec2, found, "stopped")
    other = {"InstanceId": found, "InstanceType": {"Value": "t4g.small"}}
    assert code(ec2.modify_instance_attribute, **other) == "InvalidParameterValue"
    ec2.modify_instance_attribute(**larger)
    ec2.start_instances(InstanceIds=[found])
    assert settled(ec2, found, "running")["InstanceType"] == "t3.small"


def test_a_protected_machine_is_not_terminated(local_records: Any, launch: Callable[..., str]) -> None:
    ec2 = local_records.client("ec2")
    found = launch(DisableApiTermination=True)
    assert code(ec2.terminate_instances, InstanceIds=[found]) == "OperationNotPermitted"
    ec2.modify_instance_attribute(InstanceId=found, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[found])


def test_a_volume_is_attached_once(
    local_records: Any, launch: Callable[..., str], volume: str, settled: Any
) -> None:
    ec2 = local_records.client("ec2")
    first, second = launch(), launch()
    ec2.attach_volume(VolumeId=volume, InstanceId=first, Device="/dev/sdf")
    assert code(ec2.attach_volume, VolumeId=volume, InstanceId=second, Device="/dev/sdf") == "VolumeInUse"
    assert code(ec2.delete_volume, VolumeId=volume) == "VolumeInUse"
    ec2.stop_instances(InstanceIds=[first])
    settled(ec2, first, "stopped")
    ec2.start_instances(InstanceIds=[first])
    devices = settled(ec2, first, "running")["BlockDeviceMappings"]
    assert volume in {device["Ebs"]["VolumeId"] for device in devices}
    ec2.detach_volume(VolumeId=volume)
    ec2.attach_volume(VolumeId=volume, InstanceId=second, Device="/dev/sdf")
    ec2.terminate_instances(InstanceIds=[first, second])
    settled(ec2, second, "terminated")
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available"


def test_a_volume_of_another_zone_is_refused(
    local_records: Any, launch: Callable[..., str], volume: str
) -> None:
    ec2 = local_records.client("ec2")
    elsewhere = launch(Placement={"AvailabilityZone": "us-east-1b"})
    arguments = {"VolumeId": volume, "InstanceId": elsewhere, "Device": "/dev/sdf"}
    assert code(ec2.attach_volume, **arguments) == "InvalidVolume.ZoneMismatch"
    waits = launch(wait=False)
    assert code(ec2.attach_volume, **arguments | {"InstanceId": waits}) == "IncorrectState"


def test_a_snapshot_keeps_the_content_of_that_moment(
    local_records: Any, launch: Callable[..., str], volume: str
) -> None:
    ec2 = local_records.client("ec2")
    ec2.attach_volume(VolumeId=volume, InstanceId=launch(), Device="/dev/sdf")
    content = local_records.state / "volumes" / volume
    content.mkdir(parents=True, exist_ok=True)
    (content / "notes").write_text("first")
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    (content / "notes").write_text("second")
    copy = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)
    assert copy["Size"] == 4
    assert (local_records.state / "volumes" / copy["VolumeId"] / "notes").read_text() == "first"
    ec2.delete_volume(VolumeId=copy["VolumeId"])
    assert not (local_records.state / "volumes" / copy["VolumeId"]).exists()
    assert (content / "notes").read_text() == "second"


def test_a_volume_grows_and_never_shrinks(local_records: Any, volume: str) -> None:
    ec2 = local_records.client("ec2")
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.modify_volume(VolumeId=volume, Size=8)
    assert code(ec2.modify_volume, VolumeId=volume, Size=6) == "InvalidParameterValue"
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["VolumeSize"] == 4
