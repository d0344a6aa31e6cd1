"""The server's hand on one sandbox: the launcher's process and the socket to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.instances.guest.init import SETTINGS
from ds_ec2_local.instances.guest.processes import descendants
from ds_ec2_local.instances.launch import PACKET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE = str(Path(__file__).parents[2])
_READY_S = 30.0
_ANSWER_S = 20.0
_MOST_LISTENERS = 4


def program(module: str, library: str = SOURCE) -> list[str]:
    """Return the arguments after an interpreter that run a module's `main` without any site package."""
    code = f"import sys; sys.path.insert(0, {library!r}); from {module} import main; main()"
    return ["-I", "-S", "-B", "-c", code]


class Keeper(Protocol):
    """What holds one running instance."""

    listeners: list[socket.socket]

    def command(self, **words: Any) -> None:
        """Have something done in the sandbox; SandboxError where it fails."""

    def ask_to_stop(self) -> None:
        """Ask its first process to end everything."""

    def kill(self) -> None:
        """End it at once."""

    def wait(self, timeout_s: float | None = None) -> int:
        """Return its exit status; subprocess.TimeoutExpired where it still runs."""


class NamespaceKeeper:
    """A sandbox of namespaces.

    Args:
        plan: What the launcher makes.
        listener: The guest socket, already listening; the sandbox inherits it.
        pid_file: Where the launcher's process id is kept for the next server.
        launcher: The launcher's module.

    Raises:
        SandboxError: It does not start.
    """

    def __init__(
        self,
        plan: Mapping[str, Any],
        listener: socket.socket | None,
        pid_file: Path,
        launcher: str = "ds_ec2_local.instances.launch",
    ) -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inherited = [one.fileno() for one in (theirs, listener) if one is not None]
        with theirs, Path(plan["network_log"]).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *program(launcher), str(theirs.fileno())],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
                cwd="/",
            )
        pid_file.write_text(f"{self._process.pid}\n")
        self._control = ours
        self.listeners: list[socket.socket] = []
        ours.settimeout(_READY_S)
        try:
            ours.send(json.dumps(plan).encode())
            packet, descriptors, _, _ = socket.recv_fds(ours, PACKET, _MOST_LISTENERS)
        except OSError as error:
            packet, descriptors = json.dumps({"error": f"no answer: {error}"}).encode(), []
        self.listeners = [socket.socket(fileno=one) for one in descriptors]
        answer = json.loads(packet or b'{"error": "the launcher ended"}')
        if "error" in answer:
            self.kill()
            self.wait()
            raise SandboxError(f"the sandbox cannot be made: {answer['error']}")
        ours.settimeout(_ANSWER_S)

    def command(self, **words: Any) -> None:
        """Have the launcher do something.

        Raises:
            SandboxError: It failed, or the sandbox has ended.
        """
        with self._lock:
            try:
                self._control.send(json.dumps(words).encode())
                packet = self._control.recv(PACKET)
            except OSError as error:
                raise SandboxError(f"the instance's launcher does not answer: {error}") from error
        answer = json.loads(packet or b'{"error": "the instance has ended"}')
        if "error" in answer:
            raise SandboxError(answer["error"])

    def ask_to_stop(self) -> None:
        """Ask the first process to end everything."""
        with contextlib.suppress(SandboxError):
            self.command(do="signal", number=int(signal.SIGTERM))

    def kill(self) -> None:
        """Have the launcher kill the sandbox: it does when this socket closes."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def wait(self, timeout_s: float | None = None) -> int:
        """Return the exit status of the first process."""
        status = self._process.wait(timeout_s)
        self._control.close()
        return status


class DirectoryKeeper:
    """An instance that is a process of this host with a folder of its own.

    Args:
        command: The guest.
        settings: What it is told; the pipe that it follows is added.
        listener: The guest socket.
        log: Its console.
        pid_file: Where its process id is kept.
    """

    def __init__(
        self,
        command: Sequence[str],
        settings: Mapping[str, Any],
        listener: socket.socket,
        log: Path,
        pid_file: Path,
    ) -> None:
        follow, self._leash = os.pipe()
        facts = {**settings, "follow": follow, "listener": listener.fileno()}
        try:
            with log.open("ab") as console:
                self._process = subprocess.Popen(
                    command,
                    pass_fds=(follow, listener.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    env={SETTINGS: json.dumps(facts)},
                    start_new_session=True,
                    cwd="/",
                )
        finally:
            os.close(follow)
        pid_file.write_text(f"{self._process.pid}\n")
        self.listeners: list[socket.socket] = []
        self._lock = threading.Lock()

    def command(self, **words: Any) -> None:
        """Refuse: nothing of it can be changed from outside.

        Raises:
            SandboxError: Always.
        """
        raise SandboxError(f"an instance without namespaces cannot do {words['do']}")

    def ask_to_stop(self) -> None:
        """Ask the first process to end everything."""
        self._process.terminate()

    def kill(self) -> None:
        """End the first process and all below it."""
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait(self, timeout_s: float | None = None) -> int:
        """Return the exit status of the first process."""
        status = self._process.wait(timeout_s)
        with self._lock:
            if self._leash >= 0:
                os.close(self._leash)
                self._leash = -1
        return status
