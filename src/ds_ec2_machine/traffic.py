"""Network traffic that lasts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, List, Tuple

LASTS = 4
"""So many samples on end must be busy, two minutes: a package manager that looks for news is no work."""


def counted(text: str) -> Dict[str, int]:
    """Return the bytes in and out of each interface but the loopback. Source: proc_pid_net(5), net/dev."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, fields = line.partition(":")
        numbers = fields.split()
        if name.strip() != "lo":
            found[name.strip()] = int(numbers[0]) + int(numbers[8])
    return found


class Traffic:
    """Bytes per second between looks; `steady` is the least of the last `LASTS`."""

    def __init__(self, source: str = "/proc/net/dev") -> None:
        self._source = Path(source)
        self._before: Tuple[float, Dict[str, int]] = (time.monotonic(), {})
        self._rates: List[float] = []

    def look(self) -> None:
        """Count once more.

        Raises:
            OSError: There is nothing to read.
        """
        now, table = time.monotonic(), counted(self._source.read_text())
        at, before = self._before
        self._before = now, table
        # An interface that is new, or began to count anew, says nothing yet.
        moved = sum(max(0, count - before[name]) for name, count in table.items() if name in before)
        if before:
            self._rates = [*self._rates, moved / max(now - at, 0.001)][-LASTS:]

    @property
    def steady(self) -> float:
        """Bytes per second that were moved all the time; 0 until there are `LASTS` looks."""
        return min(self._rates) if len(self._rates) == LASTS else 0.0
