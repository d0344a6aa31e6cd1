"""Spot machines on the embedded EC2: what a persistent request does, and what EC2 does with its machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERSISTENT = {
    "MarketType": "spot",
    "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"},
}
TAGGED = [
    {"ResourceType": "spot-instances-request", "Tags": [{"Key": "ds-ec2:stack", "Value": "spot-test"}]},
    {"ResourceType": "instance", "Tags": [{"Key": "ds-ec2:name", "Value": "spot-test"}]},
]


@pytest.fixture
def ec2(local_records: Any) -> Iterator[Any]:
    client = local_records.client("ec2")
    yield client
    local_records.call("DELETE", "/_local/faults")
    active = client.describe_spot_instance_requests(Filters=[{"Name": "tag:ds-ec2:stack", "Values": ["*"]}])
    names = [one["SpotInstanceRequestId"] for one in active["SpotInstanceRequests"]]
    client.cancel_spot_instance_requests(SpotInstanceRequestIds=names)
    found = client.describe_instances(Filters=[{"Name": "tag:ds-ec2:name", "Values": ["spot-test"]}])
    left = [i["InstanceId"] for r in found["Reservations"] for i in r["Instances"]]
    client.terminate_instances(InstanceIds=left)


@pytest.fixture
def spot(ec2: Any, launch: Callable[..., str]) -> tuple[str, str]:
    """A machine with a persistent request: its id and the request's."""
    found = launch(InstanceMarketOptions=PERSISTENT, TagSpecifications=TAGGED)
    machine = ec2.describe_instances(InstanceIds=[found])["Reservations"][0]["Instances"][0]
    return found, machine["SpotInstanceRequestId"]


def request(ec2: Any, name: str, code: str = "") -> dict[str, Any]:
    """Return a request, once it has a status code."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        answer = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[name])
        found: dict[str, Any] = answer["SpotInstanceRequests"][0]
        if code in {"", found["Status"]["Code"]}:
            return found
        time.sleep(0.05)
    pytest.fail(f"{name} is {found['Status']['Code']}, not {code}")


def test_a_machine_that_is_stopped_stays_so_until_it_is_started(ec2: Any, spot: Any, settled: Any) -> None:
    machine, name = spot
    ec2.stop_instances(InstanceIds=[machine])
    assert request(ec2, name, "instance-stopped-by-user")["State"] == "disabled"
    time.sleep(1)  # a minute there, of which nothing comes
    settled(ec2, machine, "stopped")
    ec2.start_instances(InstanceIds=[machine])
    settled(ec2, machine, "running")
    assert request(ec2, name, "fulfilled")["State"] == "active"


def test_ec2_takes_a_machine_and_brings_it_back(
    local_records: Any, ec2: Any, spot: Any, settled: Any, launch: Callable[..., str]
) -> None:
    machine, name = spot
    began = request(ec2, name)["Status"]["UpdateTime"]
    local_records.call("POST", "/_local/faults", {"interrupt_spot": [{"instance_type": "t3.micro"}]})
    with pytest.raises(ClientError, match="no Spot capacity"):
        launch(InstanceMarketOptions=PERSISTENT, TagSpecifications=TAGGED)
    found = settled(ec2, machine, "stopped")
    assert found["StateReason"]["Code"] == "Server.SpotInstanceStop"
    told = request(ec2, name, "instance-stopped-no-capacity")
    assert told["State"] == "disabled"
    assert told["Status"]["UpdateTime"] >= began
    with pytest.raises(ClientError, match="IncorrectSpotRequestState"):
        ec2.start_instances(InstanceIds=[machine])
    local_records.call("DELETE", "/_local/faults")
    settled(ec2, machine, "running")
    assert request(ec2, name, "fulfilled")["State"] == "active"


def test_a_request_outlives_its_machine_and_launches_another(ec2: Any, spot: Any, settled: Any) -> None:
    machine, name = spot
    ec2.terminate_instances(InstanceIds=[machine])
    settled(ec2, machine, "terminated")
    deadline = time.monotonic() + 15
    while request(ec2, name)["InstanceId"] == machine:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    other = request(ec2, name, "fulfilled")["InstanceId"]
    assert settled(ec2, other, "running")["SpotInstanceRequestId"] == name
    cancelled = ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[name])
    assert cancelled["CancelledSpotInstanceRequests"][0]["State"] == "cancelled"
    assert request(ec2, name)["Status"]["Code"] == "request-canceled-and-instance-running"
    settled(ec2, other, "running")
    ec2.terminate_instances(InstanceIds=[other])
    settled(ec2, other, "terminated")
    time.sleep(1)  # thrice what another one takes
    assert request(ec2, name)["InstanceId"] == other


def test_to_cancel_the_request_of_a_stopped_machine_ends_it(ec2: Any, spot: Any, settled: Any) -> None:
    machine, name = spot
    ec2.stop_instances(InstanceIds=[machine])
    settled(ec2, machine, "stopped")
    with pytest.raises(ClientError, match="cannot be modified") as kept:
        ec2.modify_instance_attribute(InstanceId=machine, InstanceType={"Value": "t3.small"})
    assert kept.value.response["Error"]["Code"] == "UnsupportedOperation"
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[name])
    settled(ec2, machine, "terminated")
    assert request(ec2, name)["State"] == "cancelled"


def test_a_machine_whose_request_is_cancelled_cannot_be_stopped(ec2: Any, spot: Any) -> None:
    machine, name = spot
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[name])
    with pytest.raises(ClientError, match="cancelled Spot"):
        ec2.stop_instances(InstanceIds=[machine])
    with pytest.raises(ClientError, match="does not exist"):
        ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=["sir-00000000"])
