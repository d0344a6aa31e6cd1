"""The launcher: one process outside of each sandbox that makes it, holds it and ends with the server.

It runs as a program of its own (`python -I -S -c ...`), has one thread, and is told what to do over a socket
of packets: first a plan, then commands. When the other end of that socket closes, the sandbox is killed.

Three steps, each for a reason:
1. The launcher enters a mount namespace (without root: in a user namespace) in which the sandbox's tree is
   mounted. It stays there, so volumes that it mounts later propagate into the running sandbox.
2. A first child becomes the parent of the PID namespace. Its child builds the tree, `/proc` included.
3. That one enters a second user namespace, which locks every mount: user 0 inside can neither make `/usr`
   writable nor uncover the host's `/proc/sys`. There it runs the guest as process 1.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from ds_ec2_local.instances import linux, mounts, network

PACKET = 1 << 17
_IDS = 65536
_SECOND = (
    linux.CLONE_NEWUSER | linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def id_count(kind: str) -> int:
    """Return how many ids (`uid` or `gid`), from 0, exist in this user namespace: at most 65,536."""
    for line in Path(f"/proc/self/{kind}_map").read_text().splitlines():
        inside, _, count = (int(word) for word in line.split())
        if inside == 0:
            return min(count, _IDS)
    return 0


def enter_first() -> None:
    """Enter the namespaces in which the tree is mounted.

    Raises:
        OSError: The kernel refuses.
    """
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        linux.unshare(linux.CLONE_NEWNS)
    else:
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {user} 1")
        _write("/proc/self/gid_map", f"0 {group} 1")
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_SLAVE)


class Launcher:
    """One sandbox, from outside.

    Args:
        plan: What to make; `keeper.py` writes it.
        control: The socket to the server.
    """

    def __init__(self, plan: dict[str, Any], control: socket.socket) -> None:
        self._plan, self._control = plan, control
        self._tree = mounts.Tree(
            plan["root"],
            tuple((source, target) for source, target in plan["read_only"]),
            tuple((source, target) for source, target in plan["writable"]),
            plan["volumes"],
            plan["guest"],
        )
        self._pid = 0
        self._way_out: network.WayOut | None = None

    def run(self) -> int:
        """Make the sandbox and hold it to its end; return the exit status of its process 1."""
        self._enter()
        told, tell = os.pipe()
        waits, go = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            os.close(go)
            self._middle(tell, waits)
        os.close(tell)
        os.close(waits)
        with open(told, "rb", buffering=0) as reports:  # noqa: PTH123 - a descriptor
            lines = {reports.readline().strip(), reports.readline().strip()}  # in either order
        if b"made" not in lines:  # it said why on the control socket
            os.waitpid(child, 0)
            return 1
        self._pid = int(max(lines - {b"made"}))
        self._complete()
        for volume, folder in self._plan["attached"].items():
            self._attach(volume, folder)
        os.write(go, b"\n")
        os.close(go)
        return self._hold(child)

    def _enter(self) -> None:
        """Go where the sandbox is made."""
        enter_first()

    def _complete(self) -> None:
        """Give the first process, which waits, what it cannot give itself."""
        for kind in ("uid", "gid"):
            _write(f"/proc/{self._pid}/{kind}_map", f"0 0 {id_count(kind)}")

    def _attach(self, volume: str, folder: str) -> None:
        mounts.attach(self._tree, volume, folder)

    def _detach(self, volume: str) -> None:
        mounts.detach(self._tree, volume)

    def _middle(self, tell: int, waits: int) -> NoReturn:
        """Be the parent of process 1: it alone can be forked into the new PID namespace."""
        linux.die_with_parent()
        linux.unshare(linux.CLONE_NEWPID)
        child = os.fork()
        if child == 0:
            try:
                self._first_process(tell, waits)
            except BaseException as error:  # noqa: BLE001 - the server is told, whatever it is
                self._control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
                os._exit(1)
        os.write(tell, b"%d\n" % child)
        os.close(tell)
        self._control.close()
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)

    def _first_process(self, tell: int, waits: int) -> NoReturn:
        plan = self._plan
        mounts.build(self._tree)
        linux.unshare(_SECOND if plan["stack"] else _SECOND & ~linux.CLONE_NEWNET)
        os.write(tell, b"made\n")
        os.close(tell)
        if not os.read(waits, 1):
            raise OSError("the launcher ended")
        linux.pivot(self._tree.root)
        linux.set_hostname(plan["hostname"])
        listeners = self._listeners() if plan["stack"] else []
        self._become(listeners)

    def _become(self, listeners: list[socket.socket]) -> NoReturn:
        """Tell the server that all is made, and become the sandbox's first program."""
        plan = self._plan
        log = os.open(plan["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        for number in (1, 2):
            os.dup2(log, number)
        os.umask(0o022)
        linux.die_with_parent()
        packet = json.dumps({"ready": True}).encode()
        socket.send_fds(self._control, [packet], [one.fileno() for one in listeners])
        if plan["probe"]:
            os._exit(0)
        os.execve(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606 - no shell wanted

    def _listeners(self) -> list[socket.socket]:
        network.raise_loopback(self._plan["addresses"])
        return [socket.create_server((host, port)) for host, port in self._plan["listen"]]

    def _hold(self, child: int) -> int:
        if self._plan["stack"] and not self._plan["probe"]:
            self._way_out = network.WayOut(self._plan["stack"], self._pid, self._plan["network_log"])
        ended = os.pidfd_open(child)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if ended in ready:
                break
            packet = self._control.recv(PACKET)
            if not packet:
                os.kill(self._pid, signal.SIGKILL)
                poll.unregister(self._control)
                continue
            self._control.send(json.dumps(self._answer(json.loads(packet))).encode())
        _, status = os.waitpid(child, 0)
        if self._way_out:
            self._way_out.close()
        return os.waitstatus_to_exitcode(status) & 0xFF

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            self._do(command)
        except (OSError, subprocess.SubprocessError) as error:
            return {"error": str(error)}
        return {}

    def _do(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "way_out" if self._way_out:
                (self._way_out.open if command["open"] else self._way_out.close)()
            case "attach":
                self._attach(command["volume"], command["folder"])
            case "detach":
                self._detach(command["volume"])
            case "signal":
                os.kill(self._pid, command["number"])
            case other:
                raise OSError(f"this sandbox cannot do {other}")


def main(kind: type[Launcher] = Launcher) -> None:
    """Take a plan from the socket whose descriptor is the first argument, and be its launcher."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    plan = json.loads(control.recv(PACKET))
    try:
        status = kind(plan, control).run()
    except OSError as error:
        control.send(json.dumps({"error": str(error)}).encode())
        status = 1
    control.close()
    os._exit(status)
