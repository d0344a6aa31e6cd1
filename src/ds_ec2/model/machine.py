"""A machine as its stacks and tags describe it: there is no other record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ds_ec2.model.offers import Market

if TYPE_CHECKING:
    from datetime import datetime

    from ds_ec2.model.spent import Spent


class MachineStatus(StrEnum):
    """What a person is told about a machine."""

    PROPOSED = "proposed"
    """A change set waits for somebody to execute it: nothing is made yet."""
    CREATING = "creating"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    DELETING = "deleting"
    FAILED = "failed"
    """Its stack failed and is still there: `up` finishes or replaces it, `down` removes it."""
    GONE = "gone"
    """The stack stands, the instance was terminated by somebody else."""
    DATA_ONLY = "data only"
    """A data volume of its name without a machine: an `up` or a `down` that was interrupted."""


class StageState(StrEnum):
    """Where a bootstrap stage stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


STAGE_TITLES: Final = {
    "booted": "machine boots",
    "disks": "disks",
    "network": "way out",
    "jupyter": "JupyterLab",
    "environment": "packages",
    "docker": "Docker",
    "ready": "ready",
}
"""What a person reads for each stage."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the bootstrap, as the machine reports it in its status parameter.

    Args:
        name: `booted`, `disks`, `network`, `jupyter`, `environment`, `ready`.
        state: Where it stands.
        started_at: Unix seconds.
        seconds: Duration, for a stage that ended.
        error: The reason of a failure: the resolver's own words, at most 1,000 characters.
    """

    name: str
    state: StageState
    started_at: float
    seconds: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a machine stopped by itself, or was stopped by the account's own function.

    Args:
        why: In words: `idle for 60 minutes`.
        at: When.
        interrupted: EC2 took a spot machine back.
    """

    why: str
    at: datetime
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Interruption:
    """That EC2 took a spot machine back.

    Args:
        why: In words: `EC2 needed its capacity`.
        at: When.
        code: The spot request's status code while it is stopped for that, `instance-stopped-no-capacity`;
            empty once it runs again: from then on the machine alone knows.
    """

    why: str
    at: datetime
    code: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and what it costs.

    Args:
        name: The user's name for it.
        owner: Who made it.
        region: Its region.
        zone: Its availability zone, empty while unknown.
        status: What a person is told.
        instance_id: Empty while there is none.
        instance_type: As EC2 spells it.
        stack: Name of its machine stack.
        stack_status: CloudFormation's word.
        managed_by: `ds-ec2` or `cdk`.
        launched_at: Last start, or None.
        created_at: When the stack was made, or None.
        market: On demand or spot.
        usd_per_hour: Price while running, of now for a spot machine; None where unknown, never zero.
        usd_at_most: The price itself was not asked or is not known, and never more than this (spot).
        disk_gib: Root and data volumes together.
        idle_minutes: Stop after so many idle minutes; 0 for never; None where unknown.
        stages: Bootstrap stages of its last start in order, where they were asked for.
        max_minutes: It stops so long after each start; 0 for as long as it likes.
        stopped: Why it stopped, where it did so by itself and where that was asked for.
        interruption: The last time that EC2 took it back, where that was asked for.
        usd_per_month_stopped: What its disks cost, running or not, where that was asked for.
        spent: What it has cost so far, where that was asked for.
    """

    name: str
    owner: str
    region: str
    zone: str
    status: MachineStatus
    instance_id: str
    instance_type: str
    stack: str
    stack_status: str
    managed_by: str
    launched_at: datetime | None = None
    created_at: datetime | None = None
    usd_per_hour: float | None = None
    disk_gib: int | None = None
    idle_minutes: int | None = None
    stages: tuple[Stage, ...] = ()
    max_minutes: int = 0
    stopped: Stopped | None = None
    market: Market = Market.ON_DEMAND
    usd_at_most: bool = False
    interruption: Interruption | None = None
    usd_per_month_stopped: float | None = None
    spent: Spent | None = None
