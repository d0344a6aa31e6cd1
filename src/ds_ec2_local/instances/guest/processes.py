"""The processes of an instance: started, reaped, and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_POLL_S = 0.02
_PR_SET_CHILD_SUBREAPER = 36
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Streams:
    """Descriptors of a process's standard streams; None is the console, or no input."""

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None


class Processes:
    """All processes of the instance; this one is their parent, or becomes it.

    Args:
        base: Environment that every process begins with.
        contained: Whether this is process 1 of a PID namespace, so that signals reach all processes.
    """

    def __init__(self, base: Mapping[str, str], *, contained: bool) -> None:
        self._base, self._contained = dict(base), contained
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._groups: set[int] = set()

    def watch(self) -> None:
        """Begin to reap, on the running loop."""
        if not self._contained:
            adopt_orphans()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def start(
        self,
        command: Sequence[str],
        user: str = "",
        streams: Streams | None = None,
        *,
        before: Callable[[], None] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> tuple[int, asyncio.Future[int]]:
        """Start a program in a session of its own.

        Args:
            command: The program and its arguments; `-` before a shell's path makes it a login shell.
            user: The account; empty is this process's, without HOME, as cloud-init runs scripts.
            streams: Its standard streams.
            before: Called in the new process, before the program.
            more: More of its environment.

        Returns:
            Its process id, and its exit status to come (negative for a signal).

        Raises:
            OSError: It cannot be started.
            KeyError: There is no such account.
        """
        streams = streams or Streams()
        given = [streams.stdin, streams.stdout, streams.stderr]
        environment = {**self._base, **(more or {})}
        identity: dict[str, Any] = {}
        if user:
            account = pwd.getpwnam(user)
            environment |= {"HOME": account.pw_dir, "USER": user, "LOGNAME": user, "SHELL": account.pw_shell}
            identity["cwd"] = account.pw_dir
            if account.pw_uid != os.geteuid():
                groups = os.getgrouplist(user, account.pw_gid)
                identity |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
        process = subprocess.Popen(
            command,
            executable=command[0].removeprefix("-"),
            env=environment,
            stdin=subprocess.DEVNULL if streams.stdin is None else streams.stdin,
            stdout=given[1],
            stderr=given[2],
            start_new_session=True,
            preexec_fn=before,  # noqa: PLW1509 - this process forks while its loop waits
            **{"cwd": "/", **identity},
        )
        process.returncode = 0  # `_reap` waits for it, not Popen
        self._groups.add(process.pid)
        future = asyncio.get_running_loop().create_future()
        self._waiting[process.pid] = future
        return process.pid, future

    async def run(self, command: Sequence[str], more: Mapping[str, str] | None = None) -> int:
        """Run a program on the console to its end; return its exit status."""
        _, ended = self.start(command, more=more)
        return await ended

    def _reap(self) -> bool:
        """Take the statuses of ended children; return whether there are others."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            future = self._waiting.pop(pid, None)
            if future is not None and not future.done():
                future.set_result(os.waitstatus_to_exitcode(status))

    async def end_all(self, grace_s: float) -> None:
        """Ask all processes to end, and kill those that have not after `grace_s` seconds."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal_all(number)
            for _ in range(int(grace_s / _POLL_S)):
                if not self._reap():
                    return
                await asyncio.sleep(_POLL_S)

    def _signal_all(self, number: int) -> None:
        if self._contained:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, number)
            return
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parents end, where the kernel offers it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the processes below one."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _parents() -> list[tuple[int, int]]:
    """Return the (process, parent) pairs of this host."""
    if not Path("/proc/self/stat").exists():
        run = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        return [(int(line.split()[0]), int(line.split()[1])) for line in run.stdout.splitlines()]
    pairs = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            # The name before the state may hold spaces and brackets.
            pairs.append((int(file.parent.name), int(file.read_text().rpartition(")")[2].split()[1])))
    return pairs
