"""What all machines and their network cost, now and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ds_ec2.bill.rates import HOME_REGION, HOURS_PER_MONTH
from ds_ec2.model.listing import Listing
from ds_ec2.model.machine import MachineStatus

if TYPE_CHECKING:
    from ds_ec2.model.bill import Bill
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.plans import Network

_BILLED: Final = frozenset({MachineStatus.RUNNING, MachineStatus.STARTING, MachineStatus.CREATING})


def usd_now(bill: Bill, way_out_state: str) -> float | None:
    """Return what a network costs an hour now.

    Args:
        bill: Its bill.
        way_out_state: EC2's word for its NAT instance; empty where it has none.
    """
    asleep = way_out_state in {"stopping", "stopped"}
    return bill.usd_per_month_stopped / HOURS_PER_MONTH if asleep else bill.usd_per_hour_running


def sum_up(machines: tuple[Machine, ...], network: Network | None) -> Listing:
    """Return the machines with what all of it costs.

    Args:
        machines: With the sizes of their disks.
        network: The shared network, or None.
    """
    up = [one for one in machines if one.status in _BILLED]
    stopped = sum(one.usd_per_month_stopped or 0.0 for one in machines)
    hour = stopped / HOURS_PER_MONTH + sum(one.usd_per_hour or 0.0 for one in up)
    if network:
        stopped += network.bill.usd_per_month_stopped
        hour += network.usd_per_hour or 0.0
    return Listing(
        machines=machines,
        usd_per_hour=hour,
        usd_per_month_stopped=stopped,
        network=network is not None,
        at_least=any(one.usd_per_hour is None for one in up)
        or any(one.usd_per_month_stopped is None for one in machines),
        at_most=any(one.usd_at_most for one in up),
        approximate=any(one.region != HOME_REGION for one in machines),
    )
