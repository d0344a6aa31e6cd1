"""Offers: what can be had, where, on which market and at what price."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ds_ec2.model.bill import Bill
from ds_ec2.model.defaults import WayOut

if TYPE_CHECKING:
    from ds_ec2.model.bill import Price
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.plans import Quota
    from ds_ec2.model.wishes import Wish


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
        offers: Cheapest first; the first ones where there are more.
        total: How many there are.
        unpriced: Names of types that meet the wish and whose price is not known.
        offline: From the catalogue alone; nobody was asked.
        priced_on: Day of the prices, ISO 8601.
        scores: (zone, EC2's spot placement score of all offered types together, 1 to 10), where it was asked.
        notes: Sentences worth reading.
    """

    region: str
    wish: str
    offers: tuple[Offer, ...]
    total: int
    unpriced: tuple[str, ...] = ()
    offline: bool = True
    priced_on: str = ""
    scores: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OffersRequest:
    """`ds-ec2 offers`.

    Args:
        wish: What a machine has to have.
        data_gib: Data volume in GiB, for the price of a day.
        way_out: For the price of a day.
        scores: Ask for spot placement scores too.
        limit: Return so many, the cheapest; 0 for all.
    """

    wish: Wish
    data_gib: int = 50
    way_out: WayOut = WayOut.NAT_INSTANCE
    scores: bool = False
    limit: int = 0
