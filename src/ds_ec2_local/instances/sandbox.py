"""The instances of the embedded AWS: started, stopped, changed and watched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ds_ec2_local.instances import host, isolation, orphans
from ds_ec2_local.instances.booted import machine as booted
from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.instances.guest.init import REBOOT
from ds_ec2_local.instances.machine import Machine, Surroundings
from ds_ec2_local.instances.spec import InstanceSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ds_ec2_local.instances.imds import Credentials
    from ds_ec2_local.instances.isolation import Isolation

__all__ = ["InstanceSpec", "SandboxError", "Sandboxes", "State"]

State = Literal["running", "stopped", "absent"]

# The longest path of a Unix socket: 104 bytes with its end on macOS, 108 on Linux.
_LONGEST_SOCKET = 100


class _Entry:
    """One instance, and the thread that waits for its end."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.asked = False  # its end was asked for from outside
        self.thread: threading.Thread | None = None


class Sandboxes:
    """All instances of one embedded AWS.

    Args:
        state_dir: Instances live in its folder `instances`.
        endpoint_url: The AWS APIs on this host's loopback.
        credentials: Gives fresh `AccessKeyId`, `SecretAccessKey`, `Token`, `Expiration` of an instance.
        on_exit: Told, in a thread of its own, the id of an instance that ended itself, and `stopped`
            or `crashed`. An instance that reboots itself is started again without a word.
        allowed: What the host allows; tried out when left away.
        boot_image: The folder of a root file system; instances are then guests that boot a copy of it.

    Raises:
        SandboxError: Instances are to boot, and cannot here.
    """

    def __init__(
        self,
        state_dir: Path,
        endpoint_url: str,
        credentials: Credentials,
        on_exit: Callable[[str, str], None],
        allowed: Isolation | None = None,
        boot_image: Path | None = None,
    ) -> None:
        self._folder = (state_dir / "instances").resolve()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.kill_orphans()
        self._boot_image = boot_image
        self._allowed = allowed or (booted.isolation() if boot_image else isolation.detect())
        self._around = Surroundings(host.read(), self._allowed, endpoint_url, credentials)
        self._on_exit = on_exit
        self._entries: dict[str, _Entry] = {}
        self._short: Path | None = None

    @property
    def isolation(self) -> str:
        """`namespaces`, `directory` or `boot`."""
        return self._allowed.kind

    @property
    def reason(self) -> str:
        """Why instances are not kept apart better, empty where nothing is missing."""
        return self._allowed.reason

    def kill_orphans(self) -> list[str]:
        """End what a killed server left running; return the ids of those instances."""
        return orphans.kill(self._folder)

    def start(self, spec: InstanceSpec) -> None:
        """Start an instance, new or stopped, and return once its first process runs.

        Raises:
            SandboxError: It runs already, or cannot be started here.
        """
        if self.state(spec.instance_id) == "running":
            raise SandboxError(f"{spec.instance_id} is running")
        entry = self._entries[spec.instance_id] = _Entry(self._machine(spec))
        try:
            self._boot(entry)
        except SandboxError:
            del self._entries[spec.instance_id]
            if spec.first_boot:
                self.terminate(spec.instance_id)
            raise

    def _machine(self, spec: InstanceSpec) -> Machine:
        folder, guest = self._folder / spec.instance_id, self.guest_socket(spec.instance_id)
        if self._boot_image:
            return booted.BootedMachine(spec, folder, guest, self._around, self._boot_image)
        return Machine(spec, folder, guest, self._around)

    def _boot(self, entry: _Entry) -> None:
        entry.asked = False
        entry.machine.boot()
        name = f"instance {entry.machine.spec.instance_id}"
        entry.thread = threading.Thread(target=self._watch, args=(entry,), name=name, daemon=True)
        entry.thread.start()

    def _watch(self, entry: _Entry) -> None:
        machine = entry.machine
        status = machine.wait()
        machine.spec = dataclasses.replace(machine.spec, first_boot=False)
        if status == REBOOT and not entry.asked:
            try:
                self._boot(entry)
            except SandboxError:
                status = 1
            else:
                return
        entry.thread = None
        if not entry.asked:
            self._on_exit(machine.spec.instance_id, "stopped" if status == 0 else "crashed")

    def stop(self, instance_id: str) -> None:
        """Stop an instance and return once it has ended; nothing happens where it does not run."""
        self._stop(instance_id, lambda machine: machine.end())

    def _stop(self, instance_id: str, end: Callable[[Machine], None]) -> None:
        entry = self._entries.get(instance_id)
        # Once more where it was just starting again by itself.
        while entry is not None and (thread := entry.thread) is not None:
            entry.asked = True
            end(entry.machine)
            thread.join()

    def reboot(self, instance_id: str) -> None:
        """Stop an instance and start it again, without user data.

        Raises:
            SandboxError: It does not run, or does not start again.
        """
        entry = self._running(instance_id)
        self.stop(instance_id)
        self._boot(entry)

    def terminate(self, instance_id: str) -> None:
        """Stop an instance, and delete its root volume."""
        self._stop(instance_id, lambda machine: machine.destroy())
        self._entries.pop(instance_id, None)
        folder = self._folder / instance_id
        if folder.exists():
            shutil.rmtree(folder)

    def close(self) -> None:
        """Stop all instances, at the same time."""
        threads = [threading.Thread(target=self.stop, args=(one,)) for one in list(self._entries)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._short is not None:
            shutil.rmtree(self._short, ignore_errors=True)
            self._short = None

    def state(self, instance_id: str) -> State:
        """Return whether an instance runs, is stopped, or is none of these instances."""
        entry = self._entries.get(instance_id)
        if entry is not None and entry.thread is not None:
            return "running"
        return "stopped" if (self._folder / instance_id / "root").exists() else "absent"

    def guest_socket(self, instance_id: str) -> Path:
        """Return the path of an instance's guest socket; it exists while the instance runs."""
        # A guest that boots makes it: in a folder of its own, for that is what it can be shown.
        name = "agent/guest.sock" if self._boot_image else "guest.sock"
        path = self._folder / instance_id / name
        if len(str(path)) <= _LONGEST_SOCKET:
            return path
        if self._short is None:
            self._short = _short_folder(self._folder)
        return self._short / instance_id / name if self._boot_image else self._short / f"{instance_id}.sock"

    def bind_address(self, instance_id: str) -> str:
        """Return where an instance's services listen, seen from inside.

        Raises:
            SandboxError: It does not run.
        """
        return self._running(instance_id).machine.bind_address

    def console_output(self, instance_id: str) -> bytes:
        """Return the console of all boots of an instance, empty where there is none."""
        path = self._folder / instance_id / "console.log"
        return path.read_bytes() if path.exists() else b""

    def _running(self, instance_id: str) -> _Entry:
        entry = self._entries.get(instance_id)
        if entry is None or entry.thread is None:
            raise SandboxError(f"{instance_id} is not running")
        return entry

    def set_way_out(self, instance_id: str, open: bool) -> None:  # noqa: A002, FBT001 - the agreed name
        """Open or close a running instance's way out. Where it shares the host's network, it stays open.

        Raises:
            SandboxError: It does not run, or its user-mode network does not start.
        """
        machine = self._running(instance_id).machine
        machine.spec = dataclasses.replace(machine.spec, way_out=open)
        machine.set_way_out(open_=open)

    def attach(self, instance_id: str, volume_id: str, path: Path) -> None:
        """Show a host folder as a volume in a running instance.

        Raises:
            SandboxError: It does not run, or the volume is there already.
        """
        machine = self._running(instance_id).machine
        machine.attach(volume_id, path)
        # A machine that starts again by itself has it still.
        machine.spec = dataclasses.replace(machine.spec, volumes={**machine.spec.volumes, volume_id: path})

    def detach(self, instance_id: str, volume_id: str) -> None:
        """Take a volume from a running instance, in use or not.

        Raises:
            SandboxError: It does not run, or has no such volume.
        """
        machine = self._running(instance_id).machine
        machine.detach(volume_id)
        others = {name: path for name, path in machine.spec.volumes.items() if name != volume_id}
        machine.spec = dataclasses.replace(machine.spec, volumes=others)

    def set_tags(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Have the metadata tell these tags; nothing happens where there is no such instance."""
        entry = self._entries.get(instance_id)
        if entry is not None:
            entry.machine.spec = dataclasses.replace(entry.machine.spec, tags=dict(tags))

    def set_spot_action(self, instance_id: str, action: str | None, time: str = "") -> None:
        """Have the metadata announce that a spot instance will be interrupted.

        Args:
            instance_id: The instance.
            action: `terminate`, `stop` or `hibernate`; None takes the notice away.
            time: When, ISO 8601 in UTC.

        Raises:
            SandboxError: It does not run.
        """
        text = json.dumps({"action": action, "time": time}) if action else ""
        self._running(instance_id).machine.set_spot_action(text)


def _short_folder(long: Path) -> Path:
    """Return a folder of this user with a short path, the same for every server of one state folder.

    Raises:
        SandboxError: Somebody else made it.
    """
    digest = hashlib.sha256(str(long).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir(), f"ec2-{digest}")
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise SandboxError(f"{folder} is not this user's alone: the instances' sockets cannot lie there")
    return folder
