"""Signs that somebody uses this machine. A new one is a function here and a row in `SIGNALS`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable, Dict, List, Tuple

from ds_ec2_machine import jupyter, status, terminals
from ds_ec2_machine.gpu import Nvml
from ds_ec2_machine.platform import KEEP, Platform
from ds_ec2_machine.processes import Process, ProcessorTime, processes
from ds_ec2_machine.thresholds import thresholds
from ds_ec2_machine.traffic import Traffic

GRACE_S = 600.0
"""Seconds after the watch began in which the machine is held: time to connect."""
RECENT_S = 90.0
"""Activity so long ago is activity now: longer than the pause between two samples."""
_PEOPLE = range(1000, 60000)  # uids: above them are `nobody` and systemd's dynamic users


@dataclass(frozen=True)
class Reading:
    """What one signal says: whether it holds the machine, and its value for a person."""

    name: str
    busy: bool
    value: str


class Sampler:
    """Takes readings; keeps what the next one is compared with."""

    def __init__(self, platform: Platform, grace_s: float = GRACE_S) -> None:
        self.platform = platform
        self.began = time.monotonic()
        self.grace_s = grace_s
        self.noticed_at = 0.0
        """When people were last told something in their terminals, Unix seconds."""
        self.nvml = Nvml()
        self.traffic = Traffic()
        self.processes: Dict[int, Process] = {}
        self.cores = 0.0
        self.terminal_cores = 0.0
        self.limits: Dict[str, float] = {}
        self._time = ProcessorTime(self.is_person)
        self.read()

    def read(self) -> List[Reading]:
        """Take one reading of each signal; one that cannot be read holds nothing, and says so."""
        self.limits = thresholds(self.platform)
        self.processes = processes()
        self.cores, self.terminal_cores = self._time.cores(self.processes)
        readings = []
        for name, function in SIGNALS.items():
            try:
                busy, value = function(self)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                busy, value = False, f"cannot be read: {error}"
            readings.append(Reading(name, busy, value))
        return readings

    def is_person(self, uid: int) -> bool:
        """Return whether an account is a person's."""
        return uid in _PEOPLE or uid == self.platform.account.uid


def _boot(sampler: Sampler) -> Tuple[bool, str]:
    """Hold a machine that has just begun, or whose stages still run."""
    for stage in status.document(sampler.platform)["stages"]:
        if stage["state"] == "running":
            return True, f"stage {stage['name']} runs"
    up = time.monotonic() - sampler.began
    return up < sampler.grace_s, f"up for {up:.0f} s"


def _processor(sampler: Sampler) -> Tuple[bool, str]:
    return sampler.cores > sampler.limits["cpu"], f"{sampler.cores:.2f} cores"


def _gpu(sampler: Sampler) -> Tuple[bool, str]:
    gpus = sampler.nvml.gpus()
    if not gpus:
        return False, "no GPU"
    told = [one.percent for one in gpus if one.percent is not None]
    most = f"{max(told)} percent" if told else "does not tell its load"
    count, used = sum(one.processes for one in gpus), sum(one.used_mib for one in gpus)
    return (
        any(one > sampler.limits["gpu"] for one in told),
        f"{most}, {count} processes, {used} MiB in use",
    )


def _network(sampler: Sampler) -> Tuple[bool, str]:
    sampler.traffic.look()
    rate = sampler.traffic.steady / 1000
    return rate > sampler.limits["network"], f"{rate:.1f} kB/s"


def _terminals(sampler: Sampler) -> Tuple[bool, str]:
    return sampler.terminal_cores > sampler.limits["terminals"], f"{sampler.terminal_cores:.3f} cores"


def _typing(sampler: Sampler) -> Tuple[bool, str]:
    """Look at the age of people's terminals' last input or output."""
    paths = terminals.of_people(sampler.platform, sampler.is_person, sampler.processes)
    ages = [terminals.quiet_s(path, sampler.noticed_at) for path in paths]
    if not ages:
        return False, "no terminal"
    return min(ages) < RECENT_S, f"last {min(ages):.0f} s ago"


def _seconds(text: str) -> float:
    """Return the Unix time of a UTC date in ISO 8601 (Python 3.9 reads no Z)."""
    return datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=timezone.utc).timestamp()


def kernels_busy(kernels: List[Dict[str, str]], now: float) -> Tuple[bool, str]:
    """Judge JupyterLab's list of kernels.

    A silent long cell is `busy` while its last activity stands still; one that was never used is `starting`.
    What counts as activity is `jupyter.UNTRACKED`'s affair: an open tab asks much and uses nothing.

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
    "gpu": _gpu,
    "network": _network,
    "kernels": _kernels,
    "terminals": _terminals,
    "typing": _typing,
    "keep": _keep,
}
