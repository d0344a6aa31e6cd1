"""What one region sells, at what price, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from ds_ec2.catalog.prices import usd_per_hour
from ds_ec2.catalog.rows import from_row, has_accelerators
from ds_ec2.model.bill import Price

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ds_ec2.catalog.rows import Row
    from ds_ec2.model.instances import Accelerator, InstanceType

STALE_DAYS: Final = 90
"""From this age on, the age of prices is shown."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What one region sells.

    Args:
        region: The region.
        priced_on: When its prices were read, ISO 8601.
        source: From where.
        rows: Instance type to its row.
        zones: Instance type to the zones that sell it; its keys are what the region sells.
        usd: Instance type to US dollars per hour on demand; None takes the embedded price list.
        spot: Instance type to zone to US dollars per hour on the spot market, as last read.
        refreshed: It was read from the user's account, not shipped with ds-ec2.
    """

    region: str
    priced_on: str
    source: str
    rows: Mapping[str, Row]
    zones: Mapping[str, tuple[str, ...]]
    usd: Mapping[str, float] | None = None
    spot: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    refreshed: bool = False

    def types(self, *, accelerated: bool = False) -> Iterator[InstanceType]:
        """Yield every type that the region sells, or (quicker) those with accelerators alone."""
        for name in self.zones:
            row = self.rows[name]
            if not accelerated or has_accelerators(row):
                yield from_row(row)

    def accelerators(self) -> Iterator[Accelerator]:
        """Yield the accelerators of every type that is known, sold here or not."""
        for row in self.rows.values():
            if has_accelerators(row):
                yield from from_row(row).accelerators

    def type(self, name: str) -> InstanceType | None:
        """Return one type, whether the region sells it or not; None where the catalogue has none."""
        row = self.rows.get(name)
        return from_row(row) if row else None

    def near(self, name: str) -> list[str]:
        """Return up to three names of types that the region sells and that look like `name`."""
        from difflib import get_close_matches

        return get_close_matches(name.lower(), set(self.zones) - {name}, n=3, cutoff=0.5)

    def price(self, kind: InstanceType) -> Price | None:
        """Return the on-demand price of an hour; None where it is not known, never zero."""
        if self.usd is None:
            return usd_per_hour(kind.name, kind.vcpus, self.region)
        usd = self.usd.get(kind.name)
        return Price(usd) if usd else None

    def all_zones(self) -> tuple[str, ...]:
        """Return the zones that sell anything, sorted."""
        return tuple(sorted({zone for zones in self.zones.values() for zone in zones}))

    def age_days(self, today: date) -> int:
        """Return the age of its prices in days."""
        return (today - date.fromisoformat(self.priced_on)).days
