"""What IAM's policy simulator says of the caller, before anything is asked of anybody else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why an action is refused."""

    MISSING = "no policy allows it"
    STATEMENT = "a policy denies it"
    BOUNDARY = "the permissions boundary does not allow it"
    ORGANIZATION = "a policy of the organisation denies it"


@dataclass(frozen=True, slots=True)
class Denial:
    """One action that the caller may not do.

    Args:
        action: `iam:CreateRole`.
        step: What it is for: `to make the machine`.
        cause: What refuses it.
        resource: What it would have to be allowed on, as it stands in a policy.
        needed: The operation cannot do without.
        source: Id of the policy that decided, where it is told.
    """

    action: str
    step: str
    cause: Cause
    resource: str = "*"
    needed: bool = True
    source: str = ""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the simulator was asked, and what it said.

    Args:
        principal: ARN of the user or role whose policies were simulated; empty where none were.
        asked: Number of actions.
        denials: Those that are refused.
        unclear: Actions whose policies depend on what is not known beforehand.
        unchecked: Why nothing was simulated; empty where it was.
    """

    principal: str = ""
    asked: int = 0
    denials: tuple[Denial, ...] = ()
    unclear: tuple[str, ...] = ()
    unchecked: str = ""
