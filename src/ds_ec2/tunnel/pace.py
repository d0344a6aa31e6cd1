"""How fast messages may leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_BURST_S: Final = 0.03
"""What may leave at once after a pause: a request is not held up, and timers grain coarser than a message."""


class Pace:
    """A token bucket.

    Args:
        per_second: Messages a second; 0 for no limit.
        clock: Seconds, monotonic.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._interval_s = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = clock()

    async def take(self) -> None:
        """Wait until the next message may leave."""
        if not self._interval_s:
            return
        now = self._clock()
        self._next = max(self._next, now - _BURST_S) + self._interval_s
        if self._next > now:
            await asyncio.sleep(self._next - now)
