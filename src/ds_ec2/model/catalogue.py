"""What is known of the catalogue itself: age, source, numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogueFacts:
    """One region's catalogue.

    Args:
        region: The region.
        priced_on: Day of its prices, ISO 8601.
        age_days: Since then.
        source: From where.
        refreshed: Read from the account, not shipped with ds-ec2.
        file: The user's file, or empty.
        types: Instance types that the region sells.
        gpu_types: Those with an NVIDIA GPU.
        zones: Its zones.
        priced: Types with a price of this region.
        approximate: Types with another region's price.
        spot: Types with a spot price.
    """

    region: str
    priced_on: str
    age_days: int
    source: str
    refreshed: bool
    file: str
    types: int
    gpu_types: int
    zones: tuple[str, ...]
    priced: int
    approximate: int
    spot: int
