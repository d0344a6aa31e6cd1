"""The account's caretaker as its stack deploys it: called by the clock, a process, on the embedded EC2."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ds_ec2.templates import template
from ds_ec2_account.caretaker import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STACK = "ds-ec2-caretaker-test"
ALL_PARTS = ("Caretaker", "CaretakerRole", "CaretakerLog", "CaretakerMay", "Sweep")


@pytest.fixture
def function(local_records: Any) -> Iterator[str]:
    """The caretaker alone, cut out of the network's template; its name."""
    found = json.loads(template("network"))
    resources = {name: found["Resources"][name] for name in ALL_PARTS}
    targets = resources["Sweep"]["Properties"]["Targets"]
    resources["Sweep"]["Properties"]["Targets"] = [one for one in targets if one["Id"] == "caretaker"]
    cloudformation = local_records.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    yield cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="Caretaker")[
        "StackResourceDetail"
    ]["PhysicalResourceId"]
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


@pytest.fixture
def machine(local_records: Any, launch: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """Launch a machine as its stack would: with tags and a heartbeat."""
    ec2, made = local_records.client("ec2"), []

    def run(stack: str, part: str = "machine", *, heartbeat: bool = True, **tags: str) -> str:
        every = {"ds-ec2:part": part, **{key.replace("_", "-"): value for key, value in tags.items()}}
        found = launch()
        made.append(found)
        # EC2 refuses tags of this prefix from people; CloudFormation sets it.
        listed = [{"Key": key, "Value": value} for key, value in every.items() if part]
        ec2.create_tags(
            Resources=[found], Tags=[*listed, {"Key": "aws:cloudformation:stack-name", "Value": stack}]
        )
        if heartbeat:
            beat(local_records, stack)
        return found

    yield run
    ec2.terminate_instances(InstanceIds=made)


def beat(local_records: Any, stack: str) -> None:
    local_records.client("ssm").put_parameter(
        Name=f"/ds-ec2/{stack}/status", Value="{}", Type="String", Overwrite=True
    )


def state(local_records: Any, instance: str) -> tuple[str, str]:
    """Return an instance's state and why it was stopped."""
    (found,) = local_records.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0][
        "Instances"
    ]
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    return found["State"]["Name"], tags.get("ds-ec2:stopped-because", "")


def test_the_clock_calls_it_and_a_silent_machine_is_stopped(
    local_records: Any, function: str, machine: Callable[..., str]
) -> None:
    silent, fresh = machine("ds-ec2-ana-silent"), machine("ds-ec2-ana-fresh")
    others = machine("somebody-elses", part="")
    functions = local_records.client("lambda")
    assert functions.get_function(FunctionName=function)["Configuration"]["Environment"]["Variables"] == {
        "SILENT_MINUTES": "45"
    }
    # Eight seconds instead of 45 minutes.
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"SILENT_MINUTES": str(8 / 60)}}
    )

    until = time.monotonic() + 90
    while state(local_records, silent)[0] != "stopped":
        assert time.monotonic() < until
        beat(local_records, "ds-ec2-ana-fresh")
        local_records.call("POST", "/_local/tick")
        time.sleep(2)
    assert state(local_records, silent)[1].split(" ", 1)[1].startswith("no word from it for")
    assert state(local_records, fresh) == ("running", "")
    assert state(local_records, others) == ("running", "")


def test_what_it_stops_by_a_later_clock(local_records: Any, machine: Callable[..., str]) -> None:
    """The function itself, with the real API and a clock that is ahead."""
    ec2, ssm = local_records.client("ec2"), local_records.client("ssm")
    tag = "ds-ec2:max-minutes"
    over = machine("ds-ec2-ana-over", **{tag: "480"})
    within = machine("ds-ec2-ana-within", **{tag: "600"})
    endless = machine("ds-ec2-ana-endless", part="all-in-one", **{tag: "0"})
    odd = machine("no-such-stack", heartbeat=False)
    way_out = machine("ds-ec2-network", part="network", **{tag: "1"})
    now = datetime.now(UTC) + timedelta(hours=9)
    done = sweep(ec2, ssm, now, timedelta(days=1))
    assert done == [f"{over}: its maximum of 480 minutes was over"]
    words = f"{now:%Y-%m-%dT%H:%M:%SZ} its maximum of 480 minutes was over"
    assert state(local_records, over)[1] == words
    for other in (within, endless, odd, way_out):
        assert state(local_records, other) == ("running", "")
    done = sweep(ec2, ssm, now, timedelta(hours=8))
    assert {line.split(":")[0] for line in done} == {within, endless}
    assert all("no word from it for 5" in line for line in done)  # some 540 minutes
