"""What a machine says about being used, and what a person may set about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ds_ec2.model.machine import Machine

THRESHOLDS: Final = {
    "cpu": "cores of all people's processes",
    "terminals": "cores of what runs in terminals",
    "gpu": "percent of any GPU",
    "network": "kB/s, for two minutes on end",
}
"""What can be set by name, with its unit; the machine's own table has the defaults."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign of use.

    Args:
        name: `cpu`, `gpu`, `kernels`, ...
        busy: It holds the machine.
        value: For a person: `0.02 cores`.
        quiet_since: Since when it does not; None while it does.
    """

    name: str
    busy: bool
    value: str
    quiet_since: datetime | None


@dataclass(frozen=True, slots=True)
class IdleReport:
    """The last sample of a machine's watch.

    Args:
        name: The machine's name.
        why: What follows, in the watch's words.
        sampled_at: When it looked.
        quiet_since: Since when nothing holds the machine; None while something does.
        stops_at: When it will stop, if all stays as it is; None where it will not.
        limit_minutes: It stops after so many quiet minutes; 0 for never.
        max_minutes: It stops so long after each start; 0 for as long as it likes.
        signals: All of them.
        thresholds: (name, value) pairs in force.
    """

    name: str
    why: str
    sampled_at: datetime
    quiet_since: datetime | None
    stops_at: datetime | None
    limit_minutes: float
    max_minutes: int
    signals: tuple[Signal, ...]
    thresholds: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A machine that is held awake.

    Args:
        machine: The machine.
        until: Until when; None when it was let go.
        most_usd: What the machine costs until then, None where its price is unknown.
    """

    machine: Machine
    until: datetime | None
    most_usd: float | None


def parse_thresholds(pairs: Iterable[str]) -> dict[str, float]:
    """Read `cpu=0.2` and the like.

    Raises:
        UsageError: There is no such threshold, or no such number.
    """
    found = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if name not in THRESHOLDS or not 0 <= value < float("inf"):
            raise UsageError(
                f"{pair!r} sets no threshold",
                why="; ".join(f"{key} in {unit}" for key, unit in THRESHOLDS.items()),
                hint="cpu=0.2",
            )
        found[name] = value
    return found
