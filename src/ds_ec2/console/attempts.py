"""What is tried where nothing is free, and what is held meanwhile, as text."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from ds_ec2.console.amounts import duration, per_hour
from ds_ec2.model.attempts import ATTEMPT_S
from ds_ec2.model.offers import Market

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ds_ec2.model.attempts import Attempt

_SHOWN: Final = 3
"""Types, beside the first: the rest is told by its number and its price."""


def otherwise(attempts: tuple[Attempt, ...]) -> str:
    """Return what is tried after the first attempt, with prices; empty where that is all."""
    if len(attempts) < 2:
        return ""
    ways = [tuple(group) for _, group in groupby(attempts, _way)]
    parts = [f"zone {zones}"] if (zones := _zones(ways[0][1:])) else []
    parts += [f"{_named(way[0])} in {_zones(way)}" for way in ways[1 : _SHOWN + 1]]
    if rest := ways[_SHOWN + 1 :]:
        prices = [way[0].bill.usd_per_hour_running for way in rest]
        known = [price for price in prices if price is not None]
        most = f", at most {per_hour(max(known))}" if len(known) == len(prices) else ", some of unknown price"
        parts.append(f"{len(rest)} more{most}")
    return "; then ".join(parts)


def hold(attempts: tuple[Attempt, ...]) -> str:
    """Return what is held while the stacks are made, and what that costs at worst; empty where nothing is."""
    held = [one for one in attempts if one.hold]
    if not held:
        return ""
    window = duration(ATTEMPT_S)
    costs = [one.hold_usd for one in held]
    known = [cost for cost in costs if cost is not None]
    worst = f"${max(known):.2f}" if len(known) == len(costs) else "an unknown price"
    return f"capacity, until the machine runs; at worst {worst} ({window}, which AWS may end an hour late)"


def _way(attempt: Attempt) -> tuple[str, Market, float | None]:
    return attempt.type.name, attempt.market, attempt.bill.usd_per_hour_running


def _named(attempt: Attempt) -> str:
    spot = " on spot" if attempt.market is Market.SPOT else ""
    price = per_hour(attempt.bill.usd_per_hour_running, approximate=attempt.bill.approximate)
    return f"{attempt.type.name}{spot} ({price})"


def _zones(attempts: Iterable[Attempt]) -> str:
    """Return the zones' letters: `b, c, d`."""
    return ", ".join(attempt.zone[-1] for attempt in attempts)
