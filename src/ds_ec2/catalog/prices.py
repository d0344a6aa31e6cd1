"""On-demand prices from a dated snapshot of AWS's price list."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ds_ec2.model.bill import Price

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA: Final = Path(__file__).with_name("data") / "prices-us-east-1.json"
"""Read as a file: importlib.resources costs more than the interpreter's own start."""
_SIZE = re.compile(r"(?:(?P<times>[0-9]+)?x)?large")


@dataclass(frozen=True, slots=True)
class PriceList:
    """A snapshot of one region's prices.

    Args:
        region: Whose prices they are.
        date: When they were read, ISO 8601.
        source: By whom, from what.
        per_vcpu: Family to US dollars per vCPU-hour.
        single: Instance type to US dollars per hour, for types off their family's line.
    """

    region: str
    date: str
    source: str
    per_vcpu: Mapping[str, float]
    single: Mapping[str, float]


@cache
def snapshot() -> PriceList:
    """Read the snapshot that comes with the package."""
    document = json.loads(_DATA.read_text(encoding="utf-8"))
    return PriceList(
        region=document["region"],
        date=document["date"],
        source=document["source"],
        per_vcpu=document["usd_per_vcpu_hour"],
        single=document["usd_per_hour"],
    )


def usd_per_hour(instance_type: str, vcpus: int | None, region: str) -> Price | None:
    """Return the price of one hour on demand, Linux; None where it is unknown, never zero.

    Args:
        instance_type: As EC2 spells it.
        vcpus: Its number of virtual CPUs; None takes it from the size's name where that is possible.
        region: Another region than the snapshot's gives the snapshot's figure, marked approximate.
    """
    prices = snapshot()
    approximate = region != prices.region
    if single := prices.single.get(instance_type):
        return Price(single, approximate)
    family, _, size = instance_type.partition(".")
    rate = prices.per_vcpu.get(family)
    count = vcpus or vcpus_by_size(size)
    if not rate or not count:
        return None
    return Price(round(rate * count, 6), approximate)


def vcpus_by_size(size: str) -> int | None:
    """Return the vCPUs that a size's name says: `large` 2, `xlarge` 4, `2xlarge` 8; None for other names."""
    match = _SIZE.fullmatch(size)
    if not match:
        return None
    return 2 if size == "large" else 4 * int(match["times"] or 1)
