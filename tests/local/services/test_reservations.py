"""Capacity reservations: held, launched into, ended; and what stopped instances make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TYPE, ZONE = "t3.micro", "us-east-1b"
TAGS = [{"Key": "ds-ec2:part", "Value": "hold"}]
FULL = "ReservationCapacityExceeded"


@pytest.fixture
def ec2(local_records: Any) -> Iterator[Any]:
    yield local_records.client("ec2")
    local_records.call("DELETE", "/_local/faults")


@pytest.fixture
def hold(ec2: Any) -> Callable[..., str]:
    def make(**more: Any) -> str:
        wanted = {
            "InstanceType": TYPE, "InstancePlatform": "Linux/UNIX", "AvailabilityZone": ZONE,
            "InstanceCount": 1, "InstanceMatchCriteria": "targeted", "EndDateType": "limited",
            "EndDate": datetime.now(UTC) + timedelta(minutes=5),
            "TagSpecifications": [{"ResourceType": "capacity-reservation", "Tags": TAGS}],
        }  # fmt: skip
        made = ec2.create_capacity_reservation(**(wanted | more))["CapacityReservation"]
        return str(made["CapacityReservationId"])

    return make


def code(call: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(*arguments, **more)
    return str(refused.value.response["Error"]["Code"])


def into(reservation: str) -> dict[str, Any]:
    target = {"CapacityReservationTarget": {"CapacityReservationId": reservation}}
    return {"Placement": {"AvailabilityZone": ZONE}, "CapacityReservationSpecification": target}


def test_what_is_held_is_there_when_nothing_else_is(
    local_records: Any, ec2: Any, hold: Callable[..., str], launch: Callable[..., str], settled: Any
) -> None:
    held = hold()
    local_records.call("POST", "/_local/faults", {"insufficient_capacity": [{"instance_type": TYPE}]})
    assert code(hold) == "InsufficientInstanceCapacity"
    assert code(launch, Placement={"AvailabilityZone": ZONE}) == "InsufficientInstanceCapacity"
    instance = launch(**into(held))
    assert code(launch, **into(held)) == FULL
    (told,) = ec2.describe_capacity_reservations(
        Filters=[{"Name": "tag:ds-ec2:part", "Values": ["hold"]}, {"Name": "state", "Values": ["active"]}]
    )["CapacityReservations"]
    assert (told["CapacityReservationId"], told["AvailableInstanceCount"]) == (held, 0)
    assert told["Tags"] == TAGS

    ec2.cancel_capacity_reservation(CapacityReservationId=held)
    found = settled(ec2, instance, "running")
    assert found["CapacityReservationSpecification"] == into(held)["CapacityReservationSpecification"]
    local_records.call("DELETE", "/_local/faults")
    wanted = {"CapacityReservationPreference": "open"}
    modify = ec2.modify_instance_capacity_reservation_attributes
    assert code(modify, InstanceId=instance, CapacityReservationSpecification=wanted) == (
        "IncorrectInstanceState"
    )
    ec2.stop_instances(InstanceIds=[instance])
    settled(ec2, instance, "stopped")
    assert code(ec2.start_instances, InstanceIds=[instance]) == FULL
    modify(InstanceId=instance, CapacityReservationSpecification=wanted)
    ec2.start_instances(InstanceIds=[instance])
    assert settled(ec2, instance, "running")["CapacityReservationSpecification"] == wanted
    ec2.terminate_instances(InstanceIds=[instance])


def test_a_limited_one_ends_as_late_as_it_may(
    ec2: Any, hold: Callable[..., str], launch: Callable[..., str]
) -> None:
    from time import sleep

    held = hold(EndDate=datetime.now(UTC) + timedelta(seconds=2), ClientToken="once")
    assert hold(ClientToken="once") == held
    sleep(2.1)
    here = {"CapacityReservationIds": [held]}
    assert ec2.describe_capacity_reservations(**here)["CapacityReservations"][0]["State"] == "active"
    assert code(launch, **(into(held) | {"InstanceType": "t3.small"})) == FULL
    ec2.cancel_capacity_reservation(CapacityReservationId=held)
    assert ec2.describe_capacity_reservations(**here)["CapacityReservations"][0]["State"] == "cancelled"
    assert code(launch, **into(held)) == FULL
    assert code(launch, **into("cr-0123")) == "InvalidCapacityReservationId.NotFound"


def test_what_is_held_counts_towards_the_quota_once(
    local_records: Any, ec2: Any, hold: Callable[..., str], launch: Callable[..., str], settled: Any
) -> None:
    g5 = {"InstanceType": "g5.xlarge"}
    local_records.call("POST", "/_local/faults", {"quota": {"L-DB2E81BA": 4}})
    held = hold(**g5)
    assert code(hold, **g5) == code(launch, **g5) == "VcpuLimitExceeded"
    instance = launch(**g5, **into(held))
    assert code(launch, **g5) == "VcpuLimitExceeded"
    ec2.cancel_capacity_reservation(CapacityReservationId=held)
    ec2.terminate_instances(InstanceIds=[instance])
    settled(ec2, instance, "terminated")
    assert code(hold, AvailabilityZone="us-east-1e", **g5) == "Unsupported"
