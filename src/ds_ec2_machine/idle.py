"""The watch that stops a machine nobody uses, and says why it did or did not."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import List, Optional

from ds_ec2_machine import status
from ds_ec2_machine.loader import write
from ds_ec2_machine.platform import LOGS, Platform
from ds_ec2_machine.signals import GRACE_S, Reading, Sampler

PAUSE_S = 30.0
REPORT_EVERY_S = 600.0
"""The status parameter's date is the machine's heartbeat."""
_DEFAULT_MINUTES = "60"


@dataclass(frozen=True)
class Verdict:
    """What follows from the readings.

    Args:
        quiet_since: Seconds on the same clock as `judge`'s; None while something holds the machine.
        left_s: Seconds to the stop; None where none is due.
        why: In words.
    """

    quiet_since: Optional[float]
    left_s: Optional[float]
    why: str

    @property
    def stop(self) -> bool:
        """Whether the time is over."""
        return self.left_s is not None and self.left_s <= 0


def judge(readings: List[Reading], quiet_since: Optional[float], now: float, limit_s: float) -> Verdict:
    """Decide, from readings and a clock.

    Args:
        readings: One of each signal.
        quiet_since: From the verdict before.
        now: Seconds, on a clock that never jumps.
        limit_s: Stop after so many quiet seconds; 0 for never.
    """
    held = [f"{one.name} ({one.value})" for one in readings if one.busy]
    if held:
        return Verdict(None, None, "held by " + ", ".join(held))
    since = now if quiet_since is None else quiet_since
    if limit_s <= 0:
        return Verdict(since, None, "quiet; the idle stop is off")
    left_s = max(0.0, since + limit_s - now)
    why = "quiet" if left_s else f"stopped: nothing used it for {(now - since) / 60:.0f} minutes"
    return Verdict(since, left_s, why)


def _minutes(platform: Platform) -> float:
    return float(platform.settings().get("idle_minutes") or _DEFAULT_MINUTES)


def _record(platform: Platform, verdict: Verdict, readings: List[Reading]) -> None:
    quiet_s = None if verdict.quiet_since is None else time.monotonic() - verdict.quiet_since
    found = {
        "limit_minutes": _minutes(platform),
        "quiet_since": None if quiet_s is None else time.time() - quiet_s,
        "stops_in_seconds": verdict.left_s,
        "why": verdict.why,
        "sampled_at": time.time(),
        "signals": [{"name": one.name, "busy": one.busy, "value": one.value} for one in readings],
    }
    write(platform.path(status.IDLE_FILE), json.dumps(found).encode())


def watch(platform: Platform, pause_s: float = PAUSE_S, grace_s: float = GRACE_S) -> None:
    """Sample until the machine is to stop, then stop it.

    Args:
        platform: This machine.
        pause_s: Seconds between two samples.
        grace_s: As `signals.GRACE_S`.
    """
    log = platform.file(f"{LOGS}/idle.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    sampler = Sampler(platform, grace_s)
    verdict = Verdict(None, None, "")
    said, reported = "", time.monotonic()
    while not verdict.stop:
        time.sleep(pause_s)
        readings = sampler.read()
        verdict = judge(readings, verdict.quiet_since, time.monotonic(), _minutes(platform) * 60)
        _record(platform, verdict, readings)
        kind = verdict.why.split(" (")[0]
        if kind != said:
            said = kind
            with log.open("a", encoding="utf-8") as lines:
                lines.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {verdict.why}\n")
        if verdict.stop or time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            with contextlib.suppress(OSError, KeyError):  # without a way out the machine still stops
                status.push(platform)
    platform.stop()


def main(platform: Platform) -> None:
    """Watch until the machine stops."""
    watch(platform)
