"""The errors a user can meet: what happened, why, and the command to paste next."""

from __future__ import annotations

from typing import Final

EXIT_FAILED: Final = 1
"""The request was understood and could not be carried out."""
EXIT_USAGE: Final = 2
"""The request itself is wrong (click uses the same code)."""
EXIT_INTERRUPTED: Final = 130
"""Ctrl-C, as shells report it (128 + SIGINT)."""


class DsEc2Error(Exception):
    """An expected failure: shown as one line, a reason and a hint, never as a traceback.

    Args:
        what: What happened, in one sentence without a full stop.
        why: The cause, often in AWS's own words.
        hint: A command to paste next, or a sentence that holds one.
        exit_code: The exit status of the process.
    """

    def __init__(self, what: str, *, why: str = "", hint: str = "", exit_code: int = EXIT_FAILED) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.exit_code = exit_code


class UsageError(DsEc2Error):
    """The request itself is wrong: a bad name, an unknown type, a file that cannot be read."""

    def __init__(self, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what, why=why, hint=hint, exit_code=EXIT_USAGE)


class NotFoundError(DsEc2Error):
    """The thing that was named does not exist in this account and region."""


class TargetNotConnectedError(DsEc2Error):
    """Session Manager does not see the machine's agent (yet)."""
