"""Processes and the processor time that people's own have used."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Tuple

_PSEUDO_TERMINALS = range(136, 144)
"""Major numbers of /dev/pts, 256 terminals each.

Source: https://docs.kernel.org/admin-guide/devices.html
"""


_CONTAINER = re.compile(r"docker[-/][0-9a-f]{64}")
"""In the control group of a container's processes, by systemd's driver or by Docker's own.

Source: https://docs.docker.com/engine/containers/runmetrics/
"""


@dataclass(frozen=True)
class Process:
    """A process.

    Args:
        uid: Who runs it.
        seconds: Its processor time.
        terminal: Its controlling terminal's number, 0 for none.
        contained: It is in a container, where people's work runs as root too.
    """

    uid: int
    seconds: float
    terminal: int
    contained: bool = False

    @property
    def pts(self) -> str:
        """The name of its terminal below /dev/pts, empty where it has none there."""
        major, minor = self.terminal >> 8 & 0xFFF, self.terminal & 0xFF | self.terminal >> 12 & 0xFFF00
        if major not in _PSEUDO_TERMINALS:
            return ""
        return str((major - _PSEUDO_TERMINALS[0]) * 256 + minor)


def processes() -> Dict[int, Process]:
    """Return all processes. Source: proc_pid_stat(5); fields are counted after the name in parentheses."""
    tick = os.sysconf("SC_CLK_TCK")
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            uid = folder.stat().st_uid
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            contained = _CONTAINER.search((folder / "cgroup").read_text()) is not None
        except OSError:
            continue  # it has ended
        seconds = (int(fields[11]) + int(fields[12])) / tick
        found[int(folder.name)] = Process(uid, seconds, int(fields[4]), contained)
    return found


class ProcessorTime:
    """Processor time between two looks."""

    def __init__(self, is_person: Callable[[int], bool]) -> None:
        self._is_person = is_person
        self._before: Dict[int, Process] = {}
        self._before_at = 0.0

    def cores(self, table: Dict[int, Process]) -> Tuple[float, float]:
        """Return how many cores people's processes used since the last look: all, and those in terminals."""
        now = time.monotonic()
        passed = max(now - self._before_at, 0.001)
        used, in_terminals = 0.0, 0.0
        for pid, process in table.items():
            before = self._before.get(pid)
            delta = process.seconds - (before.seconds if before else 0.0)
            # The first look has nothing to compare with; a lower figure is another process of that number.
            theirs = (process.contained or self._is_person(process.uid)) and pid != os.getpid()
            if self._before and theirs:
                spent = delta if delta >= 0 else process.seconds
                used += spent
                in_terminals += spent if process.terminal else 0.0
        self._before, self._before_at = table, now
        return used / passed, in_terminals / passed
