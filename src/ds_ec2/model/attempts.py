"""What `up` tries, one after the other, until AWS has a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ds_ec2.model.bill import Bill, Price
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.offers import Market
    from ds_ec2.model.plans import Image, Quota

ATTEMPT_S: Final = 4 * 60
"""The budget of an attempt: an instance that does not run after so long is given up for the next.

A hold lasts as long. The account looks for forgotten ones every five minutes, so that none lasts ten.
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to get the machine.

    Args:
        type: The instance type.
        zone: Availability zone of the machine and its data.
        market: On demand or spot.
        image: The image.
        root_gib: Root volume.
        price: Of the instance, per hour; None where it is not known.
        bill: What it costs, the network's share included.
        quota: Verdict, or None where quotas cannot be read.
        hold: Its capacity is held while the stacks are made.
        hold_usd: The most that the hold can cost; None where that is not known, or nothing is held.
    """

    type: InstanceType
    zone: str
    market: Market
    image: Image
    root_gib: int
    price: Price | None
    bill: Bill
    quota: Quota | None = None
    hold: bool = False
    hold_usd: float | None = None

    @property
    def title(self) -> str:
        """What a person reads: `g6.xlarge in us-east-1a`."""
        spot = " on spot" if self.market == "spot" else ""
        return f"{self.type.name}{spot} in {self.zone}"


@dataclass(frozen=True, slots=True)
class Try:
    """An attempt that failed.

    Args:
        title: The attempt's.
        words: Why, in EC2's own words.
    """

    title: str
    words: str
