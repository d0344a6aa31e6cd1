"""Launchers that outlived their server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# A launcher ends by itself when its server's socket closes; this is how long that may take.
_PATIENCE_S = 3.0
_PAUSE_S = 0.05
_MARKS = (
    "ds_ec2_local.instances.launch",
    "ds_ec2_local.instances.booted.launch",
    "ds_ec2_local.instances.guest.init",
)


def kill(instances: Path) -> list[str]:
    """End the launchers that a server which was killed has left in a folder of instances.

    Returns:
        The ids of the instances whose launchers still ran.
    """
    found: list[str] = []
    for file in sorted(instances.glob("*/launcher.pid")):
        pid = int(file.read_text().strip() or 0)
        if pid and _is_launcher(pid):
            found.append(file.parent.name)
            _end(pid)
        file.unlink(missing_ok=True)
    return found


def _is_launcher(pid: int) -> bool:
    """Whether the id still means what it meant: ids are used again."""
    file = Path(f"/proc/{pid}/cmdline")
    if sys.platform == "linux":
        text = file.read_bytes().decode(errors="replace") if file.exists() else ""
    else:
        command = ["ps", "-o", "args=", "-p", str(pid)]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return any(mark in text for mark in _MARKS)


def _end(pid: int) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and _is_launcher(pid):
        time.sleep(_PAUSE_S)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
