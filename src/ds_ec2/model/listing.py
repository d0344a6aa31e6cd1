"""What `ls` shows: the machines, and what all of it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_ec2.model.machine import Machine


@dataclass(frozen=True, slots=True)
class Listing:
    """The machines of a region.

    Args:
        machines: By owner and name.
        usd_per_hour: What machines, disks and the network cost now.
        usd_per_month_stopped: What is left of that when every machine is stopped.
        network: There is a shared network, and it is counted in.
        at_least: A price or a size is not known, and not counted in.
        at_most: The price of a spot machine that runs is only known to be lower.
        approximate: Prices are another region's.
    """

    machines: tuple[Machine, ...]
    usd_per_hour: float = 0.0
    usd_per_month_stopped: float = 0.0
    network: bool = False
    at_least: bool = False
    at_most: bool = False
    approximate: bool = False
