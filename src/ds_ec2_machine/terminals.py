"""Terminals in which people sit: ssh, Session Manager, JupyterLab, tmux."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List

if TYPE_CHECKING:
    from ds_ec2_machine.platform import Platform
    from ds_ec2_machine.processes import Process

_ECHO_S = 15.0
"""Output so soon after a notice is the notice: tmux and screen draw it again in terminals of their own."""

_GRAIN_S = 8.0
"""To so many seconds the kernel keeps a terminal's times: of two notices in them, the first one's stays.

Source: linux/drivers/tty/tty_io.c, tty_update_time
"""


def of_people(platform: Platform, is_person: Callable[[int], bool], table: Dict[int, Process]) -> List[Path]:
    """Return the terminals that belong to people, or in which their processes run.

    sshd and JupyterLab give a terminal to its user. A Session Manager shell's stays root's: the agent opens
    it, and only the shell runs as somebody else.
    Source: https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/session/shell/shell_unix.go
    """
    inhabited = {one.pts for one in table.values() if is_person(one.uid)}
    found = []
    for path in Path(platform.seams.get("terminals", "/dev/pts")).glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has closed
            if path.name in inhabited or is_person(path.stat().st_uid):
                found.append(path)
    return found


def quiet_s(path: Path, noticed_at: float) -> float:
    """Return the seconds since a terminal's last input or output; a notice of ours is neither.

    Args:
        path: Its device.
        noticed_at: When the last notice was shown, Unix seconds.
    """
    found = path.stat()
    ours = noticed_at - _GRAIN_S <= found.st_mtime <= noticed_at + _ECHO_S
    return max(0.0, time.time() - (found.st_atime if ours else max(found.st_atime, found.st_mtime)))


def tell(paths: List[Path], text: str) -> None:
    """Write a line to terminals, as wall(1) does; one that does not take it is left out."""
    for path in paths:
        with contextlib.suppress(OSError):
            terminal = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                os.write(terminal, f"\r\n\a*** {text}\r\n".encode())
            finally:
                os.close(terminal)
