"""Money and durations in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def per_hour(usd: float | None, *, approximate: bool = False, at_most: bool = False) -> str:
    """Return `$0.0958/h`, `about $0.0958/h`, `at most $0.0958/h`, or `price unknown`; never a zero."""
    if usd is None:
        return "price unknown"
    return f"{'at most ' if at_most else ''}{'about ' if approximate else ''}${_digits(usd)}/h"


def per_month(usd: float) -> str:
    """Return `$4.80/month`."""
    return f"${usd:,.2f}/month"


def _digits(usd: float) -> str:
    return f"{usd:.4f}".rstrip("0").ljust(4, "0") if usd < 1 else f"{usd:,.2f}"


def clock(moment: datetime, now: datetime) -> str:
    """Return `14:32` in this computer's time, with the date where it is another day's."""
    here = moment.astimezone()
    return f"{here:%H:%M}" if here.date() == now.astimezone().date() else f"{here:%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """Return `8 s`, `3 min`, `2 h 5 min`, `4 d 3 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
