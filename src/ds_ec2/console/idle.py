"""What holds a machine awake, as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ds_ec2.console.amounts import clock, duration
from ds_ec2.console.table import table

if TYPE_CHECKING:
    from ds_ec2.model.idle import Held, IdleReport


def idle_report(report: IdleReport, now: datetime | None = None) -> str:
    """Return every signal, and what will happen when; `now` is for tests."""
    moment = now or datetime.now(UTC)
    rows = [
        [
            one.name,
            "yes" if one.busy else "no",
            one.value,
            clock(one.quiet_since, moment) if one.quiet_since else "-",
        ]
        for one in report.signals
    ]
    seen = table(["SIGNAL", "HOLDS", "VALUE", "QUIET SINCE"], rows)
    return "\n".join([seen, "", _verdict(report, moment), f"Seen at {clock(report.sampled_at, moment)}."])


def held(value: Held, flags: str = "", now: datetime | None = None) -> str:
    """Return until when a machine is held, and what that costs; `now` is for tests."""
    moment = now or datetime.now(UTC)
    name = value.machine.name
    if value.until is None:
        return f"{name} is let go: it stops when it is idle."
    cost = "at a price that is not known" if value.most_usd is None else f"about ${value.most_usd:.2f}"
    length = duration((value.until - moment).total_seconds() + 1)
    most = value.machine.max_minutes
    limit = f"\nIts maximum of {duration(most * 60)} holds all the same." if most else ""
    return (
        f"{name} is held until {clock(value.until, moment)}, {length}: {cost}.{limit}\n"
        f"  let go  ds-ec2 keep {name}{flags} --off"
    )


def _verdict(report: IdleReport, now: datetime) -> str:
    busy = ", ".join(one.name for one in report.signals if one.busy)
    stays = f"{report.name} stays: {busy} in use. {_limit(report)}" if busy else ""
    if report.stops_at is not None:
        left = (report.stops_at - now).total_seconds()
        when = f"at {clock(report.stops_at, now)}, in {duration(left)}" if left > 0 else "now"
        if "maximum" in report.why:
            most = duration(report.max_minutes * 60)
            return f"{stays}\n{report.name} stops {when}: its maximum of {most} is over then.".lstrip()
        return f"{report.name} stops {when}, unless something uses it before."
    return stays or f"{report.name} stays: its idle stop is off."


def _limit(report: IdleReport) -> str:
    if not report.limit_minutes:
        return "Its idle stop is off."
    return f"It stops {duration(report.limit_minutes * 60)} after the last use."
