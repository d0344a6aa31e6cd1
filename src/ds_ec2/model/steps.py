"""Progress as values: operations yield steps, the console renders them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StepState(StrEnum):
    """Where a step stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    NOTE = "note"
    """Something worth a line that is not work: what still bills, what was skipped."""
    LOG = "log"
    """A line of the machine's log, as it came."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of progress. A later step with the same `key` replaces it.

    Args:
        key: Stable identity: `network`, `machine`, `stage:environment`.
        title: What a person reads: `network stack`.
        state: Where it stands.
        detail: The newest event: `AWS::EC2::VPC created`, or the reason of a failure.
        elapsed_s: Seconds since this step began, where known.
    """

    key: str
    title: str
    state: StepState
    detail: str = ""
    elapsed_s: float | None = None
