"""The catalogue that comes with ds-ec2: made by `make catalogue`, see docs/reference/catalogue.md."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from ds_ec2.catalog.catalogue import Catalogue
from ds_ec2.catalog.prices import snapshot

_DATA: Final = Path(__file__).with_name("data")
TYPES: Final = "types.json"
OFFERINGS: Final = "offerings.json"
NOT_SOLD: Final = "."
"""In a region's `sold` line, at the place of a type that it does not sell."""
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What stands at the place of a type that is sold: which of the region's `sets` of zones sells it."""


@cache
def document(name: str) -> dict[str, Any]:
    """Read one file of the package's data."""
    found: dict[str, Any] = json.loads((_DATA / name).read_text(encoding="utf-8"))
    return found


def regions() -> tuple[str, ...]:
    """Return the regions that the embedded catalogue knows."""
    return tuple(document(OFFERINGS)["regions"])


def embedded(region: str) -> Catalogue:
    """Return the embedded catalogue of a region; one that it does not know sells nothing."""
    types = document(TYPES)
    rows = {row[0]: row for row in types["types"]}
    prices = snapshot()
    return Catalogue(
        region=region,
        priced_on=prices.date,
        source=f"{types['source']}; prices: {prices.source}",
        rows=rows,
        zones=_zones(region, list(rows)),
    )


def _zones(region: str, names: list[str]) -> dict[str, tuple[str, ...]]:
    offered = document(OFFERINGS)["regions"].get(region)
    if offered is None:
        return {}
    sets = [tuple(f"{region}{letter}" for letter in letters) for letters in offered["sets"]]
    pairs = zip(names, offered["sold"], strict=True)
    return {name: sets[DIGITS.index(digit)] for name, digit in pairs if digit != NOT_SOLD}
