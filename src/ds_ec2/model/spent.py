"""How long a machine ran, and what that and its disks have cost so far: an estimate at today's prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """What is billed by the second.

    Args:
        instance_type: As EC2 spells it.
        spot: On the spot market.
    """

    instance_type: str
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """From a start to a stop.

    Args:
        kind: What ran.
        launched_at: Its start.
        ended_at: Its end; None while it is under way, or where nobody noted it.
    """

    kind: Kind
    launched_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the account's own function noted of an instance.

    Args:
        since: The first start that it saw; None where it never saw one.
        sums: Kinds to seconds, of runs long over.
        runs: The last runs, by their start.
    """

    since: datetime | None = None
    sums: tuple[tuple[Kind, int], ...] = ()
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of an instance's runs.

    Args:
        ledger: What the account noted.
        last: The last run as EC2 tells it; None where there is no instance.
        running: That run is under way.
        made_at: When the instance was made, None where unknown.
    """

    ledger: Ledger = Ledger()
    last: Run | None = None
    running: bool = False
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume that bills, whether its machine runs or not.

    Args:
        gib: Its size.
        created_at: Since when.
    """

    gib: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Spent:
    """What a machine has cost so far, estimated: AWS's bill has the last word.

    Args:
        usd: US dollars, `instance_usd` and `disks_usd` together.
        instance_usd: For all its runs, at today's prices.
        disks_usd: For its root and data volumes as large as they are now, since they were made.
        seconds: How long it ran.
        run_usd: What its last run cost, or costs so far.
        run_seconds: How long that one took.
        at_least: Something is not known: a run that nobody noted, a type without a price.
        at_most: Part of it was on the spot market, at a price that is only known to be lower.
    """

    usd: float
    instance_usd: float
    disks_usd: float
    seconds: int
    run_usd: float = 0.0
    run_seconds: int = 0
    at_least: bool = False
    at_most: bool = False
