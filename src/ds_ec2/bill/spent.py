"""What a machine has cost so far: its runs at today's prices, and its disks by their age."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from ds_ec2.bill.costs import disks_usd_per_month
from ds_ec2.bill.rates import HOURS_PER_MONTH
from ds_ec2.model.spent import Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ds_ec2.model.bill import Price
    from ds_ec2.model.spent import Disk, Kind, Life, Run

LEAST_S: Final = 60
"""EC2 bills a run for so many seconds at least. Source: https://aws.amazon.com/ec2/pricing/on-demand/"""
_LATE: Final = timedelta(minutes=10)
"""The first start that was noted may come so long after the machine was made; later, and some were missed."""
_HOUR_S: Final = 3600
_DIGITS: Final = 6


def spent(life: Life, disks: Sequence[Disk], price: Callable[[Kind], Price | None], now: datetime) -> Spent:
    """Return what a machine has cost so far.

    Args:
        life: Its runs.
        disks: Its volumes.
        price: Of an hour of a kind, None where unknown.
        now: The time.
    """
    total, seconds, unknown = dict(life.ledger.sums), 0, False
    runs = _runs(life)
    for run, after in zip_longest(runs, runs[1:]):
        end = run.ended_at or (after.launched_at if after else now if life.running else None)
        seconds = max(LEAST_S, round((end - run.launched_at).total_seconds())) if end else 0
        total[run.kind] = total.get(run.kind, 0) + seconds
        unknown = unknown or end is None
    prices = {kind: price(kind) for kind in total}
    known = {kind: found.usd for kind, found in prices.items() if found}
    instance_usd = sum(usd * total[kind] / _HOUR_S for kind, usd in known.items())
    disks_usd = disks_so_far(disks, now)
    return Spent(
        usd=round(instance_usd + disks_usd, _DIGITS),
        instance_usd=round(instance_usd, _DIGITS),
        disks_usd=round(disks_usd, _DIGITS),
        seconds=sum(total.values()),
        run_usd=round(known.get(runs[-1].kind, 0.0) * seconds / _HOUR_S, _DIGITS) if runs else 0.0,
        run_seconds=seconds,
        at_least=unknown or len(known) < len(total) or _missed(life, runs),
        at_most=any(found.at_most for found in prices.values() if found),
    )


def disks_so_far(disks: Sequence[Disk], now: datetime) -> float:
    """Return what volumes have cost since they were made, as large as they are now."""
    hours = ((disk.gib, max(0.0, (now - disk.created_at).total_seconds()) / _HOUR_S) for disk in disks)
    return sum(disks_usd_per_month(gib) * each / HOURS_PER_MONTH for gib, each in hours)


def _runs(life: Life) -> tuple[Run, ...]:
    """Return the runs that stand apart, the last one as well as anybody knows it."""
    last, runs = life.last, life.ledger.runs
    if last is None:
        return runs
    noted = next((one for one in runs if one.launched_at == last.launched_at), last)
    before = tuple(one for one in runs if one.launched_at < last.launched_at)
    told = last.ended_at if last.ended_at and last.ended_at >= last.launched_at else None
    ended = None if life.running else noted.ended_at or told
    return (*before, replace(noted, ended_at=ended))


def _missed(life: Life, runs: Sequence[Run]) -> bool:
    """Return whether the instance ran before anybody took note."""
    since = life.ledger.since or (runs[0].launched_at if runs else None)
    return bool(since and life.made_at and since - life.made_at > _LATE)
