"""`ls`: the machines, with what each of them says of itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from ds_ec2.bill.totals import sum_up
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import Interruption, MachineStatus
from ds_ec2.model.names import NETWORK_STACK
from ds_ec2.operations.bootstrap import read_statuses
from ds_ec2.operations.machines import machines_of
from ds_ec2.operations.network import network_of
from ds_ec2.operations.spending import read_records, with_spent
from ds_ec2.operations.spot import read_spot, with_spot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ds_ec2.aws.account import Account
    from ds_ec2.model.listing import Listing
    from ds_ec2.model.machine import Machine
    from ds_ec2.operations.bootstrap import BootStatus

_DOWN = frozenset({MachineStatus.STOPPED, MachineStatus.STOPPING})


def list_all(account: Account) -> Listing:
    """Return all machines and what all of it costs: four calls in two rounds for up to ten machines.

    Two more in the second round, where one of them is a spot machine. Whoever may not read volumes or
    parameters sees the machines all the same.
    """
    found = read_records(account)
    told = with_words(account, machines_of(account, found.inventory))
    machines = tuple(with_spent(account, one, found.instance(one.instance_id), found.volumes) for one in told)
    there = found.inventory.named(NETWORK_STACK)
    network = network_of(account, found.inventory) if there else None
    return sum_up(machines, network)


def with_words(account: Account, machines: Sequence[Machine]) -> tuple[Machine, ...]:
    """Return machines with their stages, why they stopped, and what EC2 says of those on the spot market."""
    with ThreadPoolExecutor(2) as pool:
        spot = pool.submit(read_spot, account, machines)
        statuses = pool.submit(_statuses, account, [one.stack for one in machines if one.instance_id])
        words, own = spot.result(), statuses.result()
    told = (_with_word(one, own[one.stack]) if one.stack in own else one for one in machines)
    return tuple(with_spot(one, words) for one in told)


def _statuses(account: Account, stacks: Sequence[str]) -> Mapping[str, BootStatus]:
    try:
        return read_statuses(account, stacks)
    except DsEc2Error:
        return {}


def _with_word(machine: Machine, status: BootStatus) -> Machine:
    """Add what a machine says, as far as it is of its last start, and when EC2 last took it back."""
    launched = machine.launched_at.timestamp() if machine.launched_at else 0.0
    stages = tuple(one for one in status.stages if one.started_at >= launched)
    own = status.stopped if status.stopped and status.stopped.at.timestamp() >= launched else None
    words = [one for one in (own, machine.stopped) if one]
    stopped = max(words, key=lambda one: one.at) if words and machine.status in _DOWN else None
    minutes = machine.idle_minutes if status.idle_minutes is None else status.idle_minutes
    last = status.stopped if status.stopped and status.stopped.interrupted else None
    return replace(
        machine,
        stages=stages,
        stopped=stopped,
        idle_minutes=minutes,
        interruption=Interruption(last.why, last.at) if last else None,
    )
