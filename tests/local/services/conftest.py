"""Pieces of a network and of machines, for the tests of the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"


@pytest.fixture(scope="session")
def image(local_records: Any) -> Callable[[str], str]:
    """Return the id of Amazon Linux 2023 for an architecture."""
    ssm = local_records.client("ssm")

    def find(architecture: str) -> str:
        return str(ssm.get_parameter(Name=AL2023.format(architecture))["Parameter"]["Value"])

    return find


@pytest.fixture(scope="session")
def launch(local_records: Any, image: Callable[[str], str]) -> Callable[..., str]:
    """Launch a machine, wait until it runs (unless told otherwise), return its id."""
    ec2 = local_records.client("ec2")

    def run(*, wait: bool = True, **more: Any) -> str:
        arguments = {"ImageId": image("x86_64"), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
        found: str = ec2.run_instances(**(arguments | more))["Instances"][0]["InstanceId"]
        if wait:
            settle(ec2, found, "running")
        return found

    return run


def settle(ec2: Any, instance_id: str, state: str) -> dict[str, Any]:
    """Wait until an instance has a state; return what EC2 says of it."""
    import time

    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0][
            "Instances"
        ][0]
        if found["State"]["Name"] == state:
            return found
        time.sleep(0.05)
    pytest.fail(f"{instance_id} is {found['State']['Name']}, not {state}")


@pytest.fixture(scope="session")
def settled() -> Callable[..., dict[str, Any]]:
    return settle
