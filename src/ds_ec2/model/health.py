"""What `doctor` found: one line a check, with what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """`up` works all the same."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody could be asked."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Args:
        name: `credentials`, `quota`, ...
        state: How it ended.
        detail: What was found, in AWS's own words where it failed.
        fix: The command or the sentence that mends it.
    """

    name: str
    state: CheckState
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """All checks of one region."""

    region: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(check.state is not CheckState.FAILED for check in self.checks)
