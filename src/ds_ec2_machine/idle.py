"""The watch that stops a machine nobody uses, and says why it did or did not."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
from dataclasses import dataclass
from typing import Dict, List, Optional

from ds_ec2_machine import labextension, spot, status, terminals
from ds_ec2_machine.loader import write
from ds_ec2_machine.platform import KEEP, LOGS, Platform
from ds_ec2_machine.signals import GRACE_S, Reading, Sampler
from ds_ec2_machine.thresholds import OWN_FILE

PAUSE_S = 30.0
REPORT_EVERY_S = 600.0
"""The status parameter's date is the machine's heartbeat."""
WARN_S = 600.0
"""People are told so long before the stop."""
_MOST_TAG = "tags/instance/ds-ec2:max-minutes"


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
    return Verdict(since, left_s, "quiet" if left_s else f"idle for {(now - since) / 60:.0f} minutes")


def limited(verdict: Verdict, left_s: Optional[float], most_minutes: int) -> Verdict:
    """Return the verdict, or an earlier stop: a machine's maximum spares nobody.

    Args:
        verdict: By the signals.
        left_s: Seconds of the maximum that are left; None where there is no maximum.
        most_minutes: The maximum.
    """
    if left_s is None or (verdict.left_s is not None and verdict.left_s <= left_s):
        return verdict
    words = f"its maximum of {most_minutes} minutes"
    why = f"{verdict.why}; {words} ends first" if left_s > 0 else f"{words} was over"
    return Verdict(verdict.quiet_since, max(0.0, left_s), why)


class Watch:
    """The state between two samples."""

    def __init__(self, platform: Platform, grace_s: float, warn_s: float) -> None:
        self.platform = platform
        self.sampler = Sampler(platform, grace_s)
        self.verdict = Verdict(None, None, "")
        self._warn_s = warn_s
        self._warned = False
        self._quiet: Dict[str, float] = {}
        self._said = ""
        self._asked = self._wishes()
        self._log = platform.file(f"{LOGS}/idle.log")
        self._log.parent.mkdir(parents=True, exist_ok=True)

    def sample(self) -> Verdict:
        """Read, judge, record, and warn."""
        self._asked = self._wishes()
        readings = self.sampler.read()
        now = time.monotonic()
        for one in readings:
            if one.busy:
                self._quiet.pop(one.name, None)
            else:
                self._quiet.setdefault(one.name, now)
        limit_s = self.sampler.limits["minutes"] * 60
        verdict = judge(readings, self.verdict.quiet_since, now, limit_s)
        most = self._most_minutes()
        self.verdict = limited(verdict, self._left_of(most), most)
        # A full disk keeps no machine running.
        with contextlib.suppress(OSError):
            self._record(readings, most)
        with contextlib.suppress(OSError):
            self._note()
        with contextlib.suppress(OSError):
            self._warn()
        return self.verdict

    def pause(self, pause_s: float) -> None:
        """Wait for the next sample, or until somebody asks for a hold or for other thresholds."""
        end = time.monotonic() + pause_s
        while time.monotonic() < end and self._wishes() == self._asked:
            time.sleep(min(1.0, pause_s))

    def _wishes(self) -> List[float]:
        """Return when people last wrote what they want."""
        files = (self.platform.file(KEEP), self.platform.file(OWN_FILE))
        return [file.stat().st_mtime if file.exists() else 0.0 for file in files]

    def tell(self, text: str, at: float) -> None:
        """Show a text with a time in it to people in terminals and in JupyterLab."""
        self.sampler.noticed_at = time.time()
        paths = terminals.of_people(self.platform, self.sampler.is_person, self.sampler.processes)
        terminals.tell(paths, text.replace("{time}", time.strftime("%H:%M UTC", time.gmtime(at))))
        labextension.show(self.platform, text, at)

    def _most_minutes(self) -> int:
        """Return the longest that this machine may run, by its tag; 0 for as long as it likes."""
        try:
            text = self.platform.metadata(_MOST_TAG)
        except urllib.error.HTTPError as error:
            error.close()
            return 0
        except OSError:
            return 0
        return int(text) if text.isdecimal() else 0

    def _left_of(self, most_minutes: int) -> Optional[float]:
        """Return the seconds left of the maximum, counted from the first stage of this boot."""
        stages = status.document(self.platform)["stages"]
        if not most_minutes or not stages:
            return None
        return float(stages[0]["started_at"]) + most_minutes * 60 - time.time()

    def _warn(self) -> None:
        """Tell people that the stop is near, once; take it back when something holds the machine again."""
        left_s = self.verdict.left_s
        near = left_s is not None and left_s <= self._warn_s
        if near and not self._warned:
            name = self.platform.settings().get("name", "")
            cause, help_ = "nobody uses it", f"run something, or on your computer: ds-ec2 keep {name} 2h"
            if "maximum" in self.verdict.why:
                cause, help_ = "its maximum ends", f"on your computer: ds-ec2 idle {name} --max-duration 12h"
            minutes = max(1, round((left_s or 0) / 60))
            text = f"This machine stops at {{time}}, in {minutes} min: {cause}. To keep it, {help_}"
            self.tell(text, time.time() + (left_s or 0))
        elif self._warned and not near:
            labextension.show(self.platform, "", 0)
        self._warned = near

    def _record(self, readings: List[Reading], most_minutes: int) -> None:
        verdict, to_unix = self.verdict, time.time() - time.monotonic()
        found = {
            "limit_minutes": self.sampler.limits["minutes"],
            "max_minutes": most_minutes,
            "quiet_since": None if verdict.quiet_since is None else verdict.quiet_since + to_unix,
            "stops_in_seconds": verdict.left_s,
            "why": verdict.why,
            "sampled_at": time.time(),
            "thresholds": self.sampler.limits,
            "signals": [
                {
                    "name": one.name,
                    "busy": one.busy,
                    "value": one.value[:80],
                    "quiet_since": None if one.busy else round(self._quiet[one.name] + to_unix),
                }
                for one in readings
            ],
        }
        write(self.platform.path(status.IDLE_FILE), json.dumps(found).encode())

    def _note(self) -> None:
        """Write a line to the log when the reason is another one."""
        kind = self.verdict.why.split(" (")[0]
        if kind == self._said:
            return
        self._said = kind
        with self._log.open("a", encoding="utf-8") as lines:
            lines.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {self.verdict.why}\n")


def watch(
    platform: Platform, pause_s: float = PAUSE_S, grace_s: float = GRACE_S, warn_s: float = WARN_S
) -> None:
    """Sample until the machine is to stop, then stop it.

    Args:
        platform: This machine.
        pause_s: Seconds between two samples.
        grace_s: As `signals.GRACE_S`.
        warn_s: As `WARN_S`.
    """
    one = Watch(platform, grace_s, warn_s)
    spot.start(platform, one.tell)
    reported, limit = time.monotonic(), one.sampler.limits["minutes"]
    while not one.verdict.stop:
        one.pause(pause_s)
        if one.sample().stop:
            with contextlib.suppress(OSError):
                status.stopping(platform, one.verdict.why)
        news = one.verdict.stop or one.sampler.limits["minutes"] != limit
        if news or time.monotonic() - reported > REPORT_EVERY_S:
            reported, limit = time.monotonic(), one.sampler.limits["minutes"]
            with contextlib.suppress(OSError, KeyError):  # without a way out the machine still stops
                status.push(platform)
    platform.stop()


def main(platform: Platform) -> None:
    """Watch until the machine stops."""
    watch(platform)
