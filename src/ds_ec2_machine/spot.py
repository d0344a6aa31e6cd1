"""Spot notices: two minutes before EC2 takes a spot machine, people are told and their hooks run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, List

from ds_ec2_machine import status
from ds_ec2_machine.platform import LOGS, Platform

PAUSE_S = 5.0
"""Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""
HOOK_S = 90.0
"""All hooks together end before the machine does."""
_HOOKS = "/etc/ds-ec2/spot-notice.d"
_OWN_HOOK = ".config/ds-ec2/on-spot-notice"

Tell = Callable[[str, float], None]


def notice(platform: Platform) -> Dict[str, str]:
    """Return EC2's notice, empty where there is none.

    It looks like `{"action": "terminate|stop|hibernate", "time": "2026-11-25T14:32:00Z"}`.

    Raises:
        OSError: The metadata do not answer.
    """
    try:
        return dict(json.loads(platform.metadata("spot/instance-action")))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            return {}
        raise


def hooks(platform: Platform) -> List[Path]:
    """Return the programs to run: those of a folder, and the user's own."""
    found = sorted(platform.file(_HOOKS).glob("*"))
    own = Path(platform.account.home) / _OWN_HOOK
    return [path for path in (*found, own) if path.is_file() and os.access(path, os.X_OK)]


def answer(platform: Platform, found: Dict[str, str], tell: Tell, within_s: float = HOOK_S) -> None:
    """Tell people, note it in the status, and run the hooks, as the user.

    Args:
        platform: This machine.
        found: The notice.
        tell: Shows a text with its time.
        within_s: Seconds for all hooks.
    """
    action = found.get("action", "stop")
    at = datetime.fromisoformat(found["time"].rstrip("Z")).replace(tzinfo=timezone.utc).timestamp()
    words = {"terminate": "ends", "stop": "stops", "hibernate": "hibernates"}.get(action, action)
    tell(f"EC2 takes this spot machine back: it {words} at {{time}}. Save what is not on /data.", at)
    status.stopping(platform, f"EC2 took the spot machine back ({action})", interrupted=True)
    with contextlib.suppress(OSError, KeyError):
        status.push(platform)
    more = {"DS_EC2_SPOT_ACTION": action, "DS_EC2_SPOT_TIME": found["time"]}
    _run(platform, platform.environment(**more), within_s)


def _run(platform: Platform, environment: Dict[str, str], within_s: float) -> None:
    """Run all hooks side by side; what has not ended in time is ended."""
    end = time.monotonic() + within_s
    started = []
    with platform.file(f"{LOGS}/spot-notice.log").open("ab") as log:
        for path in hooks(platform):
            try:
                one = subprocess.Popen(
                    [str(path)],
                    env=environment,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    **platform.as_user(),
                )
                started.append(one)
            except OSError as error:  # no interpreter of that name, say
                log.write(f"{path}: {error}\n".encode())
    for one in started:
        try:
            one.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()


def watch(platform: Platform, tell: Tell, pause_s: float = PAUSE_S) -> None:
    """Answer each notice once, for as long as the machine runs; on a machine that is not spot, nothing."""
    known: Dict[str, Any] = {}
    life = ""
    while life in {"", "spot"}:
        with contextlib.suppress(OSError, ValueError, KeyError):
            life = life or platform.metadata("instance-life-cycle")
            found = notice(platform) if life == "spot" else {}
            if found and found != known:
                known = found
                answer(platform, found, tell)
        time.sleep(pause_s)


def start(platform: Platform, tell: Tell) -> None:
    """Watch beside everything else."""
    threading.Thread(target=watch, args=(platform, tell), daemon=True).start()
