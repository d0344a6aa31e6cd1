"""`stop` and `start`: power calls; the stacks stay as they are."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.cloudformation import Stack
from ds_ec2.aws.shortage import Shortage, shortage
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import Machine, MachineStatus
from ds_ec2.model.names import NETWORK_STACK
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.bootstrap import follow_boot, read_status
from ds_ec2.operations.capacity import NoCapacityError, first_sentence
from ds_ec2.operations.listing import with_words
from ds_ec2.operations.machines import find, machines_of, pick, reachable
from ds_ec2.operations.network import network_of, wake_way_out
from ds_ec2.operations.no_start import no_start
from ds_ec2.operations.retype import apply_retype, forget_hold
from ds_ec2.operations.spending import read_records, with_spent
from ds_ec2.operations.spot import check_startable
from ds_ec2.operations.stacks import busy
from ds_ec2.operations.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.ec2 import Instance
    from ds_ec2.model.plans import RetypePlan

_STOP_S: Final = 15 * 60.0
"""An instance that ignores the power button is cut off by EC2 after some minutes."""
_START_S: Final = 5 * 60.0


def stop(account: Account, name: str = "") -> Generator[Step, None, Machine]:
    """Stop a machine and wait until it is stopped; its disks stay, and a note says what they cost."""
    found = read_records(account)
    machine = pick(account, machines_of(account, found.inventory), name)
    _check_settled(account, machine)
    instance = found.instance(machine.instance_id)
    if machine.status is not MachineStatus.STOPPED:
        if machine.status is not MachineStatus.STOPPING:
            reachable(account, machine)
            account.ec2.stop(machine.instance_id)
        instance = yield from _wait(account, machine, "stop", "stopped", _STOP_S)
    machine = with_spent(account, replace(machine, status=MachineStatus.STOPPED), instance, found.volumes)
    if (cost := machine.usd_per_month_stopped) is not None:
        yield Step(
            "cost",
            f"{machine.disk_gib} GiB of disks stay",
            StepState.NOTE,
            f"${cost:.2f} a month; ds-ec2 down {machine.name}{account.flags} removes them",
        )
    if found.inventory.named(NETWORK_STACK):
        cost = network_of(account, found.inventory).bill.usd_per_month_stopped
        detail = f"${cost:.2f} a month while no machine runs"
        yield Step("network", "the shared network stays", StepState.NOTE, detail)
    return machine


def start(
    account: Account,
    name: str = "",
    *,
    retype: RetypePlan | None = None,
    again: Iterator[float] | None = None,
) -> Generator[Step, None, Machine]:
    """Start a stopped machine and wait until its JupyterLab answers.

    Args:
        account: The account.
        name: The machine.
        retype: Give it another type first.
        again: Seconds to wait before each further try, while AWS has no room for it; None tries once.

    Raises:
        NoCapacityError: AWS has no room for it: with what can be done.
        DsEc2Error: It does not start.
    """
    if retype:
        yield from apply_retype(account, retype)
    while True:
        try:
            return (yield from start_machine(account, find(account, name)))
        except NoCapacityError:
            if again is None:
                raise
        yield from wait(next(again))


def start_machine(account: Account, machine: Machine) -> Generator[Step, None, Machine]:
    """Start a machine as `start` does, once."""
    if machine.status is MachineStatus.RUNNING:
        yield Step("start", f"{machine.name} runs already", StepState.NOTE)
        return machine
    _check_settled(account, machine)
    (machine,) = with_words(account, (machine,))
    check_startable(account, machine)
    if machine.stopped:
        when = machine.stopped.at.astimezone()
        yield Step("why", f"it stopped: {machine.stopped.why} at {when:%Y-%m-%d %H:%M}", StepState.NOTE)
    before = read_status(account, machine.stack).boot
    if machine.status is MachineStatus.STOPPING:
        yield from _wait(account, machine, "stop", "stopped", _STOP_S)
        machine = replace(machine, status=MachineStatus.STOPPED)
    if machine.status is MachineStatus.STOPPED:
        # First the way out, or the agent's first ping fails and it sleeps for minutes.
        wake_way_out(account, account.stacks.find(NETWORK_STACK))
        yield from _ask(account, machine)
    else:
        reachable(account, machine)
        before = ""
    try:
        instance = yield from _wait(account, machine, "start", "running", _START_S)
    except DsEc2Error as error:
        if shortage(error.why):
            raise no_start(account, machine, error.why) from error
        raise
    stages = yield from follow_boot(account, machine.stack, machine.name, not_boot=before)
    return replace(
        machine,
        status=MachineStatus.RUNNING,
        launched_at=instance.launched_at,
        stages=stages,
        stopped=None,
    )


def _ask(account: Account, machine: Machine) -> Generator[Step, None, None]:
    """Call StartInstances once: EC2 says at once where there is no room, and SDKs would ask again.

    Raises:
        NoCapacityError: There is none.
        DsEc2Error: EC2 refuses for another reason.
    """
    title = f"start {machine.name}"
    yield Step("start", title, StepState.RUNNING, "asked for")
    forget_hold(account, machine)
    try:
        account.capacity.start(machine.instance_id)
    except DsEc2Error as error:
        yield Step("start", title, StepState.FAILED, first_sentence(error.why))
        if shortage(error.why) is Shortage.CAPACITY:
            raise no_start(account, machine, error.why) from error
        raise


def _check_settled(account: Account, machine: Machine) -> None:
    """Leave a machine alone whose stack is being updated: CloudFormation may stop and start it by itself.

    Raises:
        DsEc2Error: It is.
    """
    stack = Stack(machine.stack, machine.stack, machine.stack_status)
    if stack.updated:
        raise busy(stack, account)


def _wait(
    account: Account, machine: Machine, verb: str, state: str, timeout_s: float
) -> Generator[Step, None, Instance]:
    """Yield until the instance is in a state."""
    begun = time.monotonic()
    title = f"{verb} {machine.name}"
    while (instance := account.ec2.instance(machine.instance_id)).state != state:
        elapsed = time.monotonic() - begun
        yield Step(verb, title, StepState.RUNNING, instance.state, elapsed)
        unexpected = instance.state == "terminated" or (verb == "start" and instance.state == "stopped")
        if elapsed > timeout_s or (unexpected and elapsed > 10 * account.poll_s):
            yield Step(verb, title, StepState.FAILED, instance.state, elapsed)
            raise DsEc2Error(
                f"{machine.name} is {instance.state}, not {state}",
                why=instance.reason,
                hint=f"ds-ec2 ls{account.flags}",
            )
        time.sleep(account.poll_s)
    yield Step(verb, title, StepState.DONE, "", time.monotonic() - begun)
    return instance
