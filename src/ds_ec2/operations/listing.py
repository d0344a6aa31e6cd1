"""`ls`: the machines, with what each of them says of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import MachineStatus
from ds_ec2.operations.bootstrap import read_statuses
from ds_ec2.operations.machines import list_machines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine
    from ds_ec2.operations.bootstrap import BootStatus

_DOWN = frozenset({MachineStatus.STOPPED, MachineStatus.STOPPING})


def list_with_words(account: Account) -> tuple[Machine, ...]:
    """Return all machines with their stages and why they stopped: three calls for up to ten machines.

    Whoever may not read parameters sees the machines all the same.
    """
    return with_words(account, list_machines(account))


def with_words(account: Account, machines: Sequence[Machine]) -> tuple[Machine, ...]:
    """Return machines with their stages and why they stopped."""
    try:
        statuses = read_statuses(account, [one.stack for one in machines if one.instance_id])
    except DsEc2Error:
        return tuple(machines)
    return tuple(_with_word(one, statuses[one.stack]) if one.stack in statuses else one for one in machines)


def _with_word(machine: Machine, status: BootStatus) -> Machine:
    """Add what a machine says, as far as it is of its last start."""
    launched = machine.launched_at.timestamp() if machine.launched_at else 0.0
    stages = tuple(one for one in status.stages if one.started_at >= launched)
    own = status.stopped if status.stopped and status.stopped.at.timestamp() >= launched else None
    words = [one for one in (own, machine.stopped) if one]
    stopped = max(words, key=lambda one: one.at) if words and machine.status in _DOWN else None
    minutes = machine.idle_minutes if status.idle_minutes is None else status.idle_minutes
    return replace(machine, stages=stages, stopped=stopped, idle_minutes=minutes)
