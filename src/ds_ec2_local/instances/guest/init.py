"""Process 1 of an instance: cloud-init's part, sshd, the guest socket, and the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ec2_local.instances.guest import ssh, user_data
from ds_ec2_local.instances.guest.processes import PATH, Processes
from ds_ec2_local.instances.guest.serve import GuestServer

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = "EC2_LOCAL_GUEST"
# Exit statuses that the launcher hands on.
STOPPED, REBOOT = 0, 3

_GRACE_S = 6.0
_POWER_POLL_S = 0.25
_REQUEST_LIMIT = 1 << 20


@dataclass(frozen=True)
class Settings:
    """What the server tells the guest.

    Args:
        first_boot: Whether user data is run (else `/etc/rc.local`).
        listener: Descriptor of the guest socket.
        address: The instance's own address.
        bind_address: Where its services listen.
        power: The file that ends the instance.
        prefix: Put before the paths of cloud-init's files; empty in a sandbox with its own root.
        contained: Whether it is process 1 of a PID namespace.
        ssh_reason: Why sshd cannot run here; empty where it can.
        files: Path to text of what is written at every boot.
        environment: What every process begins with.
        follow: Descriptor of a pipe from the server: the instance stops when its other end closes.
    """

    first_boot: bool
    listener: int
    address: str
    bind_address: str
    power: str
    prefix: str
    contained: bool
    ssh_reason: str
    files: Mapping[str, str]
    environment: Mapping[str, str]
    follow: int = -1


def say(text: str) -> None:
    """Write a line to the console."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)  # noqa: T201 - the console


class Init:
    """The life of one boot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        base = {"PATH": PATH, "LANG": "C.UTF-8", **settings.environment}
        self._processes = Processes(base, contained=settings.contained)
        self._ending: asyncio.Future[int]

    async def run(self) -> int:
        """Live to the end of the boot; return the exit status that says what follows."""
        loop = asyncio.get_running_loop()
        self._ending = loop.create_future()
        self._write_files()
        self._processes.watch()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._end, STOPPED)
        if self._settings.follow >= 0:
            loop.add_reader(self._settings.follow, self._end, STOPPED)
        listener = socket.socket(fileno=self._settings.listener)
        guest = GuestServer(self._processes, self._settings.bind_address)
        server = await asyncio.start_unix_server(guest.answer, sock=listener, limit=_REQUEST_LIMIT)
        self._watch_power()
        boot = asyncio.ensure_future(self._boot())
        status = await self._ending
        say("instance: reboot" if status == REBOOT else "instance: stop")
        boot.cancel()
        server.close()
        await self._processes.end_all(_GRACE_S)
        await asyncio.gather(boot, return_exceptions=True)
        return status

    def _end(self, status: int) -> None:
        if not self._ending.done():
            self._ending.set_result(status)

    def _watch_power(self) -> None:
        # Looked for, not announced: inotify is not in the standard library.
        power = Path(self._settings.power)
        if power.exists():
            word = power.read_text().strip()
            power.unlink()
            self._end(REBOOT if word == "reboot" else STOPPED)
        else:
            asyncio.get_running_loop().call_later(_POWER_POLL_S, self._watch_power)

    def _write_files(self) -> None:
        for name, text in self._settings.files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                path.unlink()
            path.write_text(text)
        if self._settings.contained:  # else these are the host's
            screens = Path("/run/screen")  # systemd-tmpfiles makes it, on a machine with systemd
            screens.mkdir(exist_ok=True)
            screens.chmod(0o777)
            subprocess.run(["find", "/tmp", "-mindepth", "1", "-delete"], check=False)  # noqa: S108 - its own

    async def _boot(self) -> None:
        try:
            await self._start_ssh()
            await (self._first_boot() if self._settings.first_boot else self._later_boot())
        except OSError as error:
            say(f"instance: the boot failed: {error}")

    async def _start_ssh(self) -> None:
        reason = self._settings.ssh_reason or ("" if ssh.find() else "there is no sshd on this host")
        if reason:
            say(f"sshd: not started: {reason}")
            return
        command = ssh.key_command()
        if command and await self._processes.run(command) != 0:
            say("sshd: not started: ssh-keygen failed")
            return
        addresses = dict.fromkeys(["127.0.0.1", self._settings.address])
        command = ssh.configure(addresses, self._settings.environment)
        self._processes.start(command)

    async def _first_boot(self) -> None:
        folder = Path(f"{self._settings.prefix}/var/lib/cloud/instance")
        scripts, notes = user_data.scripts((folder / "user-data.txt").read_bytes())
        say("cloud-init: running the user data")
        for note in notes:
            say(f"cloud-init: {note}")
        (folder / "scripts").mkdir(mode=0o700, exist_ok=True)
        for script in scripts:
            path = folder / "scripts" / script.name
            path.write_bytes(script.text)
            path.chmod(0o700)
            status = await self._run(path)
            if status != 0:
                say(f"cloud-init: {script.name} ended with exit status {status}")
        (folder / "boot-finished").write_text(f"{time.time()}\n")
        say("cloud-init: finished")

    async def _later_boot(self) -> None:
        path = Path(f"{self._settings.prefix}/etc/rc.local")
        if not os.access(path, os.X_OK):
            return
        say("rc.local: running")
        say(f"rc.local: ended with exit status {await self._run(path)}")

    async def _run(self, path: Path) -> int:
        try:
            return await self._processes.run([str(path)])
        except OSError as error:  # no such interpreter, not a program
            say(f"{path}: {error}")
            return 127


def main() -> None:
    """Run as the settings in the environment say, then exit with what follows."""
    settings = Settings(**json.loads(os.environ.pop(SETTINGS)))
    status = asyncio.run(Init(settings).run())
    sys.stdout.flush()
    os._exit(status)
