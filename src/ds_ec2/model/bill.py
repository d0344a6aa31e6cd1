"""What costs what, as values: lines with a rate while a machine runs and while it is stopped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """A price of one hour.

    Args:
        usd: US dollars per hour, never zero.
        approximate: The figure is another region's, or a rate times the number of vCPUs.
        at_most: The price itself is not known, and never more than this (spot).
    """

    usd: float
    approximate: bool = False
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class BillLine:
    """One thing that costs.

    Args:
        what: What a person reads: `instance t3.large`.
        usd_per_hour_running: While the machine runs; None where the price is unknown.
        usd_per_month_stopped: While it is stopped, for a month of 730 hours.
        source: Where the rate is published.
        approximate: The figure is another region's, or a rate times the number of vCPUs.
        at_most: The rate is not known, and never more than this (spot).
    """

    what: str
    usd_per_hour_running: float | None
    usd_per_month_stopped: float
    source: str
    approximate: bool = False
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of a machine or of a network."""

    lines: tuple[BillLine, ...] = ()

    @property
    def usd_per_hour_running(self) -> float | None:
        """Sum while running; None when one line's price is unknown."""
        rates = [line.usd_per_hour_running for line in self.lines]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if len(known) == len(rates) else None

    @property
    def usd_per_month_stopped(self) -> float:
        """Sum for a month in which nothing runs."""
        return sum(line.usd_per_month_stopped for line in self.lines)

    @property
    def approximate(self) -> bool:
        """Whether one line is approximate."""
        return any(line.approximate for line in self.lines)

    @property
    def at_most(self) -> bool:
        """Whether one line is an upper bound."""
        return any(line.at_most for line in self.lines)

    def __add__(self, other: Bill) -> Bill:
        return Bill(self.lines + other.lines)
