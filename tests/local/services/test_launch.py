"""What a launch gives, and what EC2 refuses."""

from __future__ import annotations

import base64
import ipaddress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def faults(local_records: Any) -> Iterator[Callable[[dict[str, Any]], Any]]:
    yield lambda wanted: local_records.call("POST", "/_local/faults", wanted)
    local_records.call("DELETE", "/_local/faults")


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_an_instance_is_pending_and_then_runs(
    local_records: Any, launch: Callable[..., str], settled: Any
) -> None:
    ec2 = local_records.client("ec2")
    found = launch(wait=False)
    first = ec2.describe_instances(InstanceIds=[found])["Reservations"][0]["Instances"][0]
    assert first["State"] == {"Code": 0, "Name": "pending"}
    assert settled(ec2, found, "running")["State"]["Code"] == 16


def test_the_address_lies_in_the_subnet(local_records: Any, launch: Callable[..., str], settled: Any) -> None:
    ec2 = local_records.client("ec2")
    machine = settled(ec2, launch(), "running")
    subnet = ec2.describe_subnets(SubnetIds=[machine["SubnetId"]])["Subnets"][0]
    assert ipaddress.ip_address(machine["PrivateIpAddress"]) in ipaddress.ip_network(subnet["CidrBlock"])


def test_the_root_device_is_the_images_own(
    local_records: Any, launch: Callable[..., str], settled: Any
) -> None:
    ec2 = local_records.client("ec2")
    found = launch(BlockDeviceMappings=[
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "Encrypted": True}},
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 5, "DeleteOnTermination": False}},
    ])  # fmt: skip
    devices = settled(ec2, found, "running")["BlockDeviceMappings"]
    assert [device["DeviceName"] for device in devices] == ["/dev/xvda", "/dev/sdf"]
    root, data = (ec2.describe_volumes(VolumeIds=[d["Ebs"]["VolumeId"]])["Volumes"][0] for d in devices)
    assert (root["Size"], root["VolumeType"], root["Encrypted"]) == (30, "gp3", True)
    assert data["Size"] == 5
    ec2.terminate_instances(InstanceIds=[found])
    settled(ec2, found, "terminated")
    left = {volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]}
    assert data["VolumeId"] in left
    assert root["VolumeId"] not in left
    ec2.delete_volume(VolumeId=data["VolumeId"])


def test_a_launch_template_is_obeyed(local_records: Any, image: Any, settled: Any) -> None:
    ec2, iam = local_records.client("ec2"), local_records.client("iam")
    iam.create_role(RoleName="templated", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="templated")
    iam.add_role_to_instance_profile(InstanceProfileName="templated", RoleName="templated")
    made = ec2.create_launch_template(
        LaunchTemplateName="all",
        LaunchTemplateData={
            "ImageId": image("arm64"),
            "InstanceType": "t4g.small",
            "IamInstanceProfile": {"Name": "templated"},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
            "InstanceMarketOptions": {"MarketType": "spot"},
            "TagSpecifications": [
                {"ResourceType": "spot-instances-request", "Tags": [{"Key": "ds-ec2:stack", "Value": "one"}]}
            ],
            "InstanceInitiatedShutdownBehavior": "terminate",
            "UserData": base64.b64encode(b"#!/bin/sh\n").decode(),
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}}],
        },
    )["LaunchTemplate"]
    found = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": made["LaunchTemplateId"]}, MinCount=1, MaxCount=1
    )["Instances"][0]["InstanceId"]
    machine = settled(ec2, found, "running")
    assert machine["InstanceType"] == "t4g.small"
    assert machine["IamInstanceProfile"]["Arn"].endswith("/templated")
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    assert machine["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert machine["InstanceLifecycle"] == "spot"
    request = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[machine["SpotInstanceRequestId"]])[
        "SpotInstanceRequests"
    ][0]
    assert (request["InstanceId"], request["State"], request["Type"]) == (found, "active", "one-time")
    assert request["Tags"] == [{"Key": "ds-ec2:stack", "Value": "one"}]
    assert refusal(ec2.stop_instances, InstanceIds=[found])[0] == "UnsupportedOperation"
    behaviour = ec2.describe_instance_attribute(
        InstanceId=found, Attribute="instanceInitiatedShutdownBehavior"
    )
    assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    data = ec2.describe_instance_attribute(InstanceId=found, Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(data) == b"#!/bin/sh\n"
    assert len(machine["BlockDeviceMappings"]) == 1
    ec2.terminate_instances(InstanceIds=[found])


def test_the_same_token_launches_once(launch: Callable[..., str]) -> None:
    assert launch(ClientToken="once-only") == launch(ClientToken="once-only")
    assert launch(ClientToken="another") != launch(ClientToken="once-only")


def test_unknown_types_are_refused(launch: Callable[..., str]) -> None:
    assert refusal(launch, InstanceType="x9.huge")[:2] == (
        "InvalidParameterValue",
        "Invalid value 'x9.huge' for InstanceType.",
    )


def test_a_region_tells_only_what_it_sells(local_records: Any) -> None:
    ec2 = local_records.client("ec2")
    told = ec2.describe_instance_types(InstanceTypes=["g6f.large"])["InstanceTypes"][0]
    assert told["GpuInfo"]["Gpus"][0]["Count"] == 0
    for name in ("hpc7a.96xlarge", "x9.huge"):  # sold elsewhere; nowhere
        code, words, _ = refusal(ec2.describe_instance_types, InstanceTypes=[name])
        assert code == "InvalidInstanceType"
        assert f"[{name}]" in words


def test_an_account_has_17_regions(local_records: Any) -> None:
    ec2 = local_records.client("ec2")
    names = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert len(names) == 17
    assert "eu-central-1" in names
    others = {r["RegionName"]: r["OptInStatus"] for r in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert others["eu-south-1"] == "not-opted-in"


def test_an_image_of_another_architecture_is_refused(launch: Callable[..., str], image: Any) -> None:
    code, words, _ = refusal(launch, ImageId=image("arm64"), InstanceType="g5.xlarge")
    assert code == "InvalidParameterValue"
    assert "architecture 'x86_64' of the specified instance type does not match" in words


def test_a_zone_that_does_not_sell_the_type_is_refused(launch: Callable[..., str]) -> None:
    code, words, _ = refusal(launch, InstanceType="g5.xlarge", Placement={"AvailabilityZone": "us-east-1e"})
    assert code == "Unsupported"
    assert "choosing us-east-1a" in words


def test_missing_capacity_is_http_500_and_zone_by_zone(
    faults: Any, launch: Callable[..., str], local_records: Any
) -> None:
    faults({"insufficient_capacity": [{"zone": "us-east-1a", "instance_type": "g5.xlarge"}]})
    code, words, status = refusal(
        launch, InstanceType="g5.xlarge", Placement={"AvailabilityZone": "us-east-1a"}
    )
    assert (code, status) == ("InsufficientInstanceCapacity", 500)
    assert "us-east-1b" in words
    found = launch(InstanceType="g5.xlarge", Placement={"AvailabilityZone": "us-east-1b"})
    local_records.client("ec2").terminate_instances(InstanceIds=[found])


def test_quotas_hold(faults: Any, launch: Callable[..., str], local_records: Any, settled: Any) -> None:
    code, words, _ = refusal(launch, InstanceType="p5.4xlarge")
    assert code == "VcpuLimitExceeded"
    assert "vCPU limit of 0" in words
    faults({"quota": {"L-DB2E81BA": 4, "L-3819A6DF": 0}})
    found = launch(InstanceType="g5.xlarge")
    assert refusal(launch, InstanceType="g5.xlarge")[0] == "VcpuLimitExceeded"
    spot = {"MarketType": "spot"}
    assert refusal(launch, InstanceType="g5.xlarge", InstanceMarketOptions=spot)[0] == (
        "MaxSpotInstanceCountExceeded"
    )
    ec2 = local_records.client("ec2")
    ec2.terminate_instances(InstanceIds=[found])
    settled(ec2, found, "terminated")
    ec2.terminate_instances(InstanceIds=[launch(InstanceType="g5.xlarge")])


def test_a_dry_run_makes_nothing_and_still_refuses(local_records: Any, launch: Callable[..., str]) -> None:
    before = len(local_records.call("GET", "/_local/status")["instances"])
    assert refusal(launch, DryRun=True)[0] == "DryRunOperation"
    assert refusal(launch, DryRun=True, InstanceType="p5.4xlarge")[0] == "VcpuLimitExceeded"
    assert len(local_records.call("GET", "/_local/status")["instances"]) == before


def test_long_user_data_is_refused(launch: Callable[..., str]) -> None:
    assert refusal(launch, UserData="x" * 16_385)[:2] == (
        "InvalidParameterValue",
        "User data is limited to 16384 bytes",
    )


def test_a_root_volume_smaller_than_its_snapshot_is_refused(launch: Callable[..., str]) -> None:
    small = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 2}}]
    assert refusal(launch, BlockDeviceMappings=small)[0] == "InvalidBlockDeviceMapping"


def test_images_have_their_makers_shape(local_records: Any) -> None:
    ssm, ec2 = local_records.client("ssm"), local_records.client("ec2")
    names = {
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id": (
            "arm64", "/dev/sda1", 8),
        "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id": (
            "x86_64", "/dev/xvda", 75),
    }  # fmt: skip
    for name, (architecture, root, size) in names.items():
        found = ssm.get_parameters(Names=[name])["Parameters"][0]["Value"]
        told = ec2.describe_images(ImageIds=[found])["Images"][0]
        assert (told["Architecture"], told["RootDeviceName"]) == (architecture, root)
        assert told["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == size
        assert told["CreationDate"].startswith("2026-")
