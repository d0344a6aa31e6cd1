"""Offers: what can be had, where, on which market and at what price."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ds_ec2.model.bill import Bill

if TYPE_CHECKING:
    from ds_ec2.model.bill import Price
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.plans import Quota


class Market(StrEnum):
    """How an instance is bought."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to get a machine.

    Args:
        region: Where.
        zones: Zones that sell it at this price; sold does not mean free just now.
        type: The instance type.
        market: On demand or spot.
        price: Of the instance, per hour; never zero.
        missing: What ds-ec2 does not have for it: a driver, an image; empty where nothing is missing.
        bill: What a machine of it costs, with usual disks and the way out.
        quota: The account's room for it; None where it was not asked.
    """

    region: str
    zones: tuple[str, ...]
    type: InstanceType
    market: Market
    price: Price
    missing: str = ""
    bill: Bill = field(default_factory=Bill)
    quota: Quota | None = None

    @property
    def usd_per_day(self) -> float | None:
        """What a day costs while it runs: instance, disks and way out."""
        hour = self.bill.usd_per_hour_running
        return None if hour is None else 24 * hour


@dataclass(frozen=True, slots=True)
class Offers:
    """All offers that meet a wish, cheapest first.

    Args:
        region: Where.
        wish: What was wished, as it is typed.
        offers: Cheapest first.
        unpriced: Names of types that meet the wish and whose price is not known.
        offline: From the catalogue alone; nobody was asked.
        priced_on: Day of the prices, ISO 8601.
        scores: (zone, EC2's spot placement score of all offered types together, 1 to 10), where it was asked.
        notes: Sentences worth reading.
    """

    region: str
    wish: str
    offers: tuple[Offer, ...]
    unpriced: tuple[str, ...] = ()
    offline: bool = True
    priced_on: str = ""
    scores: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
