"""What a verb of the control road says no with."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that gets `ok: false`: what is wrong, and what helps."""

    def __init__(self, error: str, hint: str = "") -> None:
        super().__init__(error)
        self.hint = hint
