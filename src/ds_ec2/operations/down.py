"""`down`: remove a machine, decide about its data, and look whether anything is left."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.cloudformation import GONE
from ds_ec2.bill.costs import snapshot_usd_per_month
from ds_ec2.errors import DsEc2Error, NotFoundError, UsageError
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import (
    NETWORK_STACK,
    TAG_KEPT,
    TAG_PART,
    DataOutput,
    DataParameter,
    NetworkOutput,
    data_stack,
    machine_stack,
)
from ds_ec2.model.plans import DownPlan, DownResult, Leftover, StackAction, StackPlan
from ds_ec2.model.requests import DataFate, DownRequest
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.archives import PREFIX
from ds_ec2.operations.holds import release_holds
from ds_ec2.operations.leftovers import look, remove_data, snapshots_of
from ds_ec2.operations.machines import inventory, machines_of, owner_of, pick
from ds_ec2.operations.network import network_of
from ds_ec2.operations.spending import read_records, with_spent
from ds_ec2.operations.stacks import check_removable, remove_stack, stack_tags

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Stack
    from ds_ec2.model.machine import Machine

_LINGER_S: Final = 60.0
"""How long a terminated instance's interface, or a list that lags, may still show up."""


def plan_down(account: Account, request: DownRequest) -> DownPlan:
    """Return what would be removed. `plan.data` None is a question, where there is a volume.

    Only reads; but where nothing of the name is left than what a killed `up` held, that goes at once.
    """
    records = read_records(account)
    found = records.inventory
    machines = machines_of(account, found)
    try:
        machine = pick(account, machines, request.name)
    except NotFoundError as error:
        raise _forgotten(account, request.name, error) from error
    machine = with_spent(account, machine, records.instance(machine.instance_id), records.volumes)
    stacks = found.stacks_of(machine.owner, machine.name)
    check_removable(account, *stacks)
    volume = _Data.of(account, stacks)
    network = network_of(account, found) if found.named(NETWORK_STACK) else None
    notes = []
    if machine.managed_by == "cdk":
        notes.append("it was made with `cdk deploy`; `cdk destroy` removes it as well")
    if machine.status is MachineStatus.CREATING:
        notes.append("it is being made just now: that is broken off")
    return DownPlan(
        machine=machine,
        stacks=tuple(
            StackPlan(stack.name, stack.tags.get(TAG_PART, ""), StackAction.REMOVE, status=stack.status)
            for stack in stacks
        ),
        data_volume=volume.id,
        data_gib=volume.gib,
        data=request.data,
        others=_others(machines, machine),
        snapshot_usd_per_month=snapshot_usd_per_month(volume.gib),
        network_usd_per_month=network.bill.usd_per_month_stopped if network else None,
        notes=tuple(notes),
    )


def _forgotten(account: Account, name: str, error: NotFoundError) -> NotFoundError:
    """Let go of what a killed `up` held before anything else was there; return the error that says so."""
    held = release_holds(account, owner_of(account), name) if name else ()
    if not held:
        return error
    why = f"{error.why}; {', '.join(held)} was held for it, and is let go of"
    return NotFoundError(error.what, why=why, hint=error.hint)


def apply_down(account: Account, plan: DownPlan) -> Generator[Step, None, DownResult]:
    """Remove the stacks and look for what is left by tags.

    Raises:
        DsEc2Error: The data volume's fate is open, or a stack could not be removed.
    """
    machine = plan.machine
    if plan.data_volume and plan.data is None:
        raise UsageError(
            f"what becomes of the data of {machine.name} is not said",
            why=f"{plan.data_volume}, {plan.data_gib} GiB",
            hint=f"ds-ec2 down {machine.name}{account.flags} --data keep-snapshot (or --data delete)",
        )
    release_holds(account, machine.owner, machine.name)
    keep = plan.data is DataFate.KEEP_SNAPSHOT and bool(plan.data_volume)
    own_stack = data_stack(machine.owner, machine.name)
    meant = snapshots_of(account, plan.data_volume)
    kept = False
    for item in plan.stacks:
        # A snapshot is taken when nothing writes any more: with the instance gone, or at least stopped.
        if keep and not kept and (item.name == own_stack or len(plan.stacks) == 1):
            if item.part == "all-in-one":
                yield from _quiet(account, machine)
            meant |= {(yield from _snapshot(account, plan))}
            kept = True
        stack = account.stacks.find(item.name)
        if stack and stack.status != GONE:
            yield from remove_stack(account, stack, item.part)
    _remove_documents(account, machine)
    leftovers = yield from _verify(account, plan, meant)
    others = _others(machines_of(account, inventory(account)), machine)
    stays = f"for {', '.join(others)}" if others else f"ds-ec2 network down{account.flags} removes it"
    if plan.network_usd_per_month is not None:
        yield Step("network", "the shared network stays", StepState.NOTE, stays)
    return DownResult(
        machine.name,
        leftovers,
        network_stays=plan.network_usd_per_month is not None,
        others=others,
        spent=machine.spent,
        network_usd_per_month=plan.network_usd_per_month,
    )


def _remove_documents(account: Account, machine: Machine) -> None:
    """Remove what the machine's environments were made from; with an all-in-one stack the bucket has gone."""
    network = account.stacks.find(NETWORK_STACK)
    if network and (bucket := network.outputs.get(NetworkOutput.BUCKET)):
        prefix = f"{machine_stack(machine.owner, machine.name)}/{PREFIX}/"
        with suppress(NotFoundError):
            account.buckets.empty(bucket, prefix)


@dataclass(frozen=True, slots=True)
class _Data:
    """The data volume, as its stack names it; empty where there is none."""

    id: str = ""
    gib: int = 0

    @classmethod
    def of(cls, account: Account, stacks: tuple[Stack, ...]) -> _Data:
        for stack in reversed(stacks):
            if volume := stack.outputs.get(DataOutput.VOLUME):
                size = stack.parameters.get(DataParameter.SIZE_GIB, "")
                if size.isdecimal():
                    return cls(volume, int(size))
                found = account.ec2.volumes({"volume-id": [volume]})
                return cls(volume, found[0].gib) if found else cls()
        return cls()


def _others(machines: tuple[Machine, ...], machine: Machine) -> tuple[str, ...]:
    return tuple(
        other.name for other in machines if (other.owner, other.name) != (machine.owner, machine.name)
    )


def _quiet(account: Account, machine: Machine) -> Generator[Step, None, None]:
    from ds_ec2.operations.power import stop

    if machine.status in {MachineStatus.RUNNING, MachineStatus.STARTING, MachineStatus.STOPPING}:
        yield from stop(account, machine.instance_id)


def _snapshot(account: Account, plan: DownPlan) -> Generator[Step, None, str]:
    """Make a snapshot of the data, wait until it is complete (only then may the volume go), return its id."""
    machine, begun = plan.machine, time.monotonic()
    title = f"snapshot of {plan.data_volume}"
    yield Step("snapshot", title, StepState.RUNNING)
    tags = stack_tags("data", machine.owner, machine.name) | {
        TAG_KEPT: datetime.now(UTC).date().isoformat(),
        "Name": f"{machine.name} data",
    }
    snapshot_id = account.ec2.make_snapshot(
        plan.data_volume, f"ds-ec2 {machine.name} of {machine.owner}, kept by down", tags
    )
    while True:
        found = account.ec2.snapshots({"snapshot-id": [snapshot_id]})
        state = found[0].state if found else "pending"
        elapsed = time.monotonic() - begun
        if state == "completed":
            break
        if state == "error":
            yield Step("snapshot", title, StepState.FAILED, snapshot_id, elapsed)
            raise DsEc2Error(
                f"the snapshot {snapshot_id} failed; the data volume {plan.data_volume} stays",
                hint=f"ds-ec2 down {machine.name}{account.flags} --data keep-snapshot",
            )
        yield Step("snapshot", title, StepState.RUNNING, state, elapsed)
        time.sleep(account.poll_s)
    yield Step("snapshot", title, StepState.DONE, snapshot_id, elapsed)
    return snapshot_id


def _verify(
    account: Account, plan: DownPlan, meant: frozenset[str]
) -> Generator[Step, None, tuple[Leftover, ...]]:
    """Look by tags until nothing is left that was not meant to be, or it has lingered too long."""
    begun = time.monotonic()
    title = "look for anything left"
    yield Step("verify", title, StepState.RUNNING)
    if plan.data_volume and plan.data is not None:
        remove_data(account, plan.data_volume, meant)
    while True:
        found = look(account, plan.machine.owner, plan.machine.name, meant)
        stray = [item for item in found if not item.meant]
        elapsed = time.monotonic() - begun
        if not stray:
            yield Step("verify", title, StepState.DONE, "nothing tagged is left", elapsed)
            return found
        detail = ", ".join(f"{item.kind} {item.id}" for item in stray)
        if elapsed > _LINGER_S:
            yield Step("verify", title, StepState.FAILED, detail, elapsed)
            return found
        yield Step("verify", title, StepState.RUNNING, detail, elapsed)
        time.sleep(account.poll_s)
