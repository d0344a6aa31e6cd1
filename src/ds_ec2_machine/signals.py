"""Signs that somebody uses this machine. A new one is a function here and a row in `SIGNALS`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Dict, List, Tuple

from ds_ec2_machine import jupyter, status
from ds_ec2_machine.platform import KEEP, Platform

GRACE_S = 600.0
"""Seconds after the watch began in which the machine is held: time to connect."""
RECENT_S = 90.0
"""Activity so long ago is activity now: longer than the pause between two samples."""
BUSY_CORES = 0.1
"""Processor time of people's processes, in cores: an idle JupyterLab uses less than a tenth of that."""
BUSY_TERMINAL_CORES = 0.01
"""The same for what runs in terminals alone, where nothing idles but shells."""
_PEOPLE = range(1000, 60000)  # uids: above them are `nobody` and systemd's dynamic users


@dataclass(frozen=True)
class Reading:
    """What one signal says: whether it holds the machine, and its value for a person."""

    name: str
    busy: bool
    value: str


@dataclass(frozen=True)
class _Process:
    uid: int
    seconds: float
    has_terminal: bool


class Sampler:
    """Takes readings; keeps what the next one is compared with."""

    def __init__(self, platform: Platform, grace_s: float = GRACE_S) -> None:
        self.platform = platform
        self.began = time.monotonic()
        self.grace_s = grace_s
        self.cores = 0.0
        self.terminal_cores = 0.0
        self._before: Dict[int, _Process] = {}
        self._before_at = 0.0
        self.read()

    def read(self) -> List[Reading]:
        """Take one reading of each signal; one that cannot be read holds nothing, and says so."""
        self._measure()
        readings = []
        for name, function in SIGNALS.items():
            try:
                busy, value = function(self)
            except (OSError, ValueError, KeyError, TypeError) as error:
                busy, value = False, f"cannot be read: {error}"
            readings.append(Reading(name, busy, value))
        return readings

    def is_person(self, uid: int) -> bool:
        """Return whether an account is a person's."""
        return uid in _PEOPLE or uid == self.platform.account.uid

    def _measure(self) -> None:
        """Compare the processor time of people's processes with the last time."""
        now, table = time.monotonic(), _processes()
        passed = max(now - self._before_at, 0.001)
        used, in_terminals = 0.0, 0.0
        for pid, process in table.items():
            before = self._before.get(pid)
            delta = process.seconds - (before.seconds if before else 0.0)
            # The first look has nothing to compare with; a lower figure is another process of that number.
            if self._before and self.is_person(process.uid) and pid != os.getpid():
                spent = delta if delta >= 0 else process.seconds
                used += spent
                in_terminals += spent if process.has_terminal else 0.0
        self.cores, self.terminal_cores = used / passed, in_terminals / passed
        self._before, self._before_at = table, now


def _processes() -> Dict[int, _Process]:
    """Return all processes. Source: proc_pid_stat(5); fields are counted after the name in parentheses."""
    tick = os.sysconf("SC_CLK_TCK")
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            uid = folder.stat().st_uid
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        seconds = (int(fields[11]) + int(fields[12])) / tick
        found[int(folder.name)] = _Process(uid, seconds, fields[4] != "0")
    return found


def _boot(sampler: Sampler) -> Tuple[bool, str]:
    """Hold a machine that has just begun, or whose stages still run."""
    for stage in status.document(sampler.platform)["stages"]:
        if stage["state"] == "running":
            return True, f"stage {stage['name']} runs"
    up = time.monotonic() - sampler.began
    return up < sampler.grace_s, f"up for {up:.0f} s"


def _processor(sampler: Sampler) -> Tuple[bool, str]:
    return sampler.cores > BUSY_CORES, f"{sampler.cores:.2f} cores"


def _terminals(sampler: Sampler) -> Tuple[bool, str]:
    return sampler.terminal_cores > BUSY_TERMINAL_CORES, f"{sampler.terminal_cores:.3f} cores"


def _typing(sampler: Sampler) -> Tuple[bool, str]:
    """Look at the age of people's terminals' last input or output."""
    ages = []
    for path in Path("/dev/pts").glob("[0-9]*"):
        found = path.stat()
        if sampler.is_person(found.st_uid):
            ages.append(max(0.0, time.time() - max(found.st_atime, found.st_mtime)))
    if not ages:
        return False, "no terminal"
    return min(ages) < RECENT_S, f"last {min(ages):.0f} s ago"


def _seconds(text: str) -> float:
    """Return the Unix time of a UTC date in ISO 8601 (Python 3.9 reads no Z)."""
    return datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=timezone.utc).timestamp()


def kernels_busy(kernels: List[Dict[str, str]], now: float) -> Tuple[bool, str]:
    """Judge JupyterLab's list of kernels.

    A silent long cell is `busy` while its last activity stands still; one that was never used is `starting`.

    Args:
        kernels: As `/api/kernels` lists them.
        now: Unix seconds.
    """
    busy = sum(one["execution_state"] == "busy" for one in kernels)
    times = [_seconds(one["last_activity"]) for one in kernels]
    ages = [max(0.0, now - one) for one in times]
    if not kernels:
        return False, "no kernel"
    return bool(busy) or min(
        ages
    ) < RECENT_S, f"{busy} of {len(kernels)} busy, last active {min(ages):.0f} s ago"


def _kernels(sampler: Sampler) -> Tuple[bool, str]:
    return kernels_busy(jupyter.ask(sampler.platform, "/api/kernels?no_track_activity=1"), time.time())


def _keep(sampler: Sampler) -> Tuple[bool, str]:
    """Look at the file that holds the machine until the Unix time in it."""
    path = sampler.platform.file(KEEP)
    left = float(path.read_text() or 0) - time.time() if path.exists() else 0.0
    return left > 0, f"for {left:.0f} s more" if left > 0 else "not asked for"


SIGNALS: Dict[str, Callable[[Sampler], Tuple[bool, str]]] = {
    "boot": _boot,
    "cpu": _processor,
    "kernels": _kernels,
    "terminals": _terminals,
    "typing": _typing,
    "keep": _keep,
}
