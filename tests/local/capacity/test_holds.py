"""Holds: let go of by the command, by Ctrl-C, the account, the next command; and starts without room."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CommandLine, private_environment
from tests.local.capacity.conftest import steps_of
from tests.local.conftest import wait_until

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import Machine
from ds_ec2.model.plans import StackAction
from ds_ec2.model.requests import DataFate, DownRequest, UpRequest
from ds_ec2.model.steps import StepState
from ds_ec2.operations.capacity import NoCapacityError
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.machines import find
from ds_ec2.operations.power import start, stop
from ds_ec2.operations.retype import plan_retype
from ds_ec2.operations.up import apply_up, plan_up
from ds_ec2_account.caretaker import release, sweep

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.capacity.conftest import Ground

pytestmark = pytest.mark.local

UP = ("up", "--yes", "--instance-type", "t3.micro")


@pytest.fixture
def command(ground: Ground, tmp_path: Path) -> CommandLine:
    state = str(ground.aws.state.parent)
    packages = f"{state}/requirements.txt"
    settings = {"DS_EC2_STATE": state, "DS_EC2_REQUIREMENTS": packages, "DS_EC2_DATA_GIB": "1"}
    return CommandLine(private_environment(tmp_path) | settings, ("--local",))


def broken_off(command: CommandLine, beginning: str, how: signal.Signals) -> None:
    """Run `up` to a line of its progress, and end it."""
    process = subprocess.Popen(
        command.arguments(*UP), env=command.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith(beginning):
            process.send_signal(how)
            break
    process.communicate(timeout=60)
    assert seen[-1].startswith(beginning), seen


def test_ctrl_c_lets_go_and_the_next_up_finishes(ground: Ground, command: CommandLine) -> None:
    command("network", "up", "--yes")
    broken_off(command, ". data stack", signal.SIGINT)
    assert ground.held() == []
    assert ("CreateCapacityReservation", 200) in ground.asked()
    broken_off(command, ". machine stack", signal.SIGINT)
    assert ground.held() == []
    command(*UP)
    assert command("ls").stdout == "work\n"
    assert ground.held() == []
    command("down", "work", "--yes", "--data", "delete")


def test_what_a_killed_command_held_goes_by_the_next_one_or_by_the_account(
    ground: Ground, command: CommandLine
) -> None:
    ec2 = ground.aws.client("ec2")
    broken_off(command, ". data stack", signal.SIGKILL)  # before anything of a machine is there
    (left,) = ground.held()
    told = ec2.describe_capacity_reservations(CapacityReservationIds=[left])["CapacityReservations"][0]
    tags = {tag["Key"]: tag["Value"] for tag in told["Tags"]}
    assert tags == {
        "ds-ec2:managed-by": "ds-ec2", "ds-ec2:part": "hold", "ds-ec2:owner": "ana", "ds-ec2:name": "work",
    }  # fmt: skip
    assert timedelta(0) < told["EndDate"] - datetime.now(UTC) < timedelta(minutes=5)
    assert release(ec2, datetime.now(UTC)) == []
    run = command("down", "work", "--yes", "--data", "delete", ok=False)
    assert f"{left} was held for it, and is let go of" in run.stderr
    assert ground.held() == []

    broken_off(command, ". data stack", signal.SIGKILL)
    (left,) = ground.held()
    assert release(ec2, datetime.now(UTC) + timedelta(minutes=5)) == [f"{left}: cancelled"]
    assert ground.held() == []
    broken_off(command, ". machine stack", signal.SIGKILL)
    assert len(ground.held()) == 1
    command("down", "work", "--yes", "--data", "delete")
    assert ground.held() == []


def test_the_dear_are_not_held_unless_asked(ground: Ground) -> None:
    account = ground.account()
    ground.aws.call("POST", "/_local/faults", {"quota": {"L-417A185B": 1000, "L-DB2E81BA": 1000}})
    for name, asked, held in (
        ("p5.4xlarge", None, False), ("p5.4xlarge", True, True), ("g6.xlarge", None, True),
        ("g6.xlarge", False, False), ("g5.48xlarge", None, False),
    ):  # fmt: skip
        plan = plan_up(account, UpRequest(instance_type=name, hold=asked))
        assert {one.hold for one in plan.attempts} == {held}, name
        assert all((one.hold_usd is not None) == held for one in plan.attempts)
    assert plan_up(account, UpRequest(instance_type="p5.4xlarge", hold=True)).attempts[0].hold_usd == (
        pytest.approx(6.88 * (1 + 4 / 60))
    )


def test_a_stopped_machine_starts_without_its_hold_or_says_what_to_do(ground: Ground) -> None:
    account = ground.account()
    _, machine = steps_of(
        apply_up(account, plan_up(account, UpRequest(instance_type="t3.micro", data_gib=1)))
    )
    assert isinstance(machine, Machine), machine
    held = account.ec2.instance(machine.instance_id).reservation
    assert held.startswith("cr-")
    ec2, ssm = ground.aws.client("ec2"), ground.aws.client("ssm")
    steps_of(stop(account, "work"))
    # The account's own function has it start from the console too.
    assert sweep(ec2, ssm, datetime.now(UTC), timedelta(days=1)) == [
        f"{machine.instance_id}: may start anywhere"
    ]
    assert account.ec2.instance(machine.instance_id).reservation == ""

    ground.short({"instance_type": "t3.micro", "zone": machine.zone})
    before = len(ground.asked())
    _, error = steps_of(start(account, "work"))
    assert isinstance(error, NoCapacityError), error
    assert [one for one in ground.asked()[before:] if one[1] == 500] == [("StartInstances", 500)]
    assert "do not have sufficient t3.micro capacity" in error.why
    commands = [line.partition("  #")[0] for line in error.hint.splitlines()]
    types = [line.split()[4] for line in commands if "--instance-type" in line and "start" in line]
    assert len(types) == 3
    assert "t3.micro" not in types
    assert commands[3:] == [
        "ds-ec2 down work --data keep-snapshot --local",
        "ds-ec2 up work --instance-type t3.micro --snapshot kept --zone us-east-1b --local",
        "ds-ec2 start work --retry-until-up --local",
    ]

    plan = plan_retype(account, "work", types[0])
    assert plan.price is not None
    steps = start(account, "work", retype=plan)
    for step in steps:
        if step.key == "start" and step.state is StepState.DONE:
            break
    steps.close()  # nothing boots here
    found = find(account, "work")
    assert (found.instance_type, found.instance_id) == (types[0], machine.instance_id)
    with pytest.raises(DsEc2Error, match="work is running"):
        plan_retype(account, "work", "t3.small")


def test_the_data_move_to_another_zone_by_the_commands_it_named(ground: Ground) -> None:
    account = ground.account()
    _, gone = steps_of(apply_down(account, plan_down(account, DownRequest("work", DataFate.KEEP_SNAPSHOT))))
    (kept,) = (left.id for left in gone.leftovers if left.meant)
    plan = plan_up(account, UpRequest(instance_type="t3.micro", snapshot="kept", zone="us-east-1b"))
    assert plan.data.action is StackAction.MAKE
    assert plan.request.snapshot == kept
    _, machine = steps_of(apply_up(account, plan))
    assert isinstance(machine, Machine), machine
    assert machine.zone == "us-east-1b"
    with pytest.raises(DsEc2Error, match="no snapshot of other was kept"):
        plan_up(account, UpRequest(name="other", snapshot="kept"))


def test_a_start_waits_for_room(ground: Ground) -> None:
    account = ground.account()
    steps_of(stop(account, "work"))
    ground.short({"instance_type": "t3.micro"})
    steps, rounds = start(account, "work", again=iter([0.2] * 3)), 0
    for step in steps:
        if step.key == "wait" and step.state is StepState.DONE:
            rounds += 1
            ground.short()
        if step.key == "start" and step.state is StepState.DONE:
            break
    steps.close()
    assert rounds == 1
    wait_until(lambda: find(account, "work").status.value == "running")
    plan = replace(plan_down(account, DownRequest("work", DataFate.DELETE)))
    steps_of(apply_down(account, plan))
