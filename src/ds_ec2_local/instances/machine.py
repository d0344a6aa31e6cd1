"""One instance through its boots: its folder, its keeper, its metadata and its road to the AWS APIs."""

from __future__ import annotations

import contextlib
import getpass
import json
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ds_ec2_local.instances import image, network, users
from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.instances.guest.init import SETTINGS
from ds_ec2_local.instances.imds import Imds
from ds_ec2_local.instances.keeper import DirectoryKeeper, Keeper, NamespaceKeeper, program
from ds_ec2_local.instances.mounts import GUEST_LIBRARY
from ds_ec2_local.instances.relay import Relay

if TYPE_CHECKING:
    from ds_ec2_local.instances.host import Host
    from ds_ec2_local.instances.imds import Credentials
    from ds_ec2_local.instances.isolation import Isolation
    from ds_ec2_local.instances.spec import InstanceSpec

METADATA_ADDRESS = "169.254.169.254"
MARKER = b"# platform: prefix-aware"
_MARKER_LINES = 5
_PLATFORM = "/etc/ds-ec2/platform.json"
_GUEST = Path(__file__).parent / "guest"
_GUEST_MODULE = "ds_ec2_local.instances.guest.init"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all instances of one server share.

    Args:
        host: What this host gives.
        isolation: What this host allows.
        endpoint_url: The AWS APIs, on this host's loopback.
        credentials: Returns fresh credentials of an instance's role.
    """

    host: Host
    isolation: Isolation
    endpoint_url: str
    credentials: Credentials

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port of the AWS APIs."""
        parts = urlsplit(self.endpoint_url)
        return parts.hostname or "127.0.0.1", parts.port or 80


class Machine:
    """One instance.

    Args:
        spec: What it is.
        folder: Its folder on the host, which outlives its boots.
        guest_socket: Where its guest socket lies.
        around: What it shares with the others.
    """

    stop_s = 15.0  # longer than the guest waits for its processes

    def __init__(self, spec: InstanceSpec, folder: Path, guest_socket: Path, around: Surroundings) -> None:
        self.spec, self.folder, self.guest_socket, self._around = spec, folder, guest_socket, around
        self._contained = around.isolation.kind == "namespaces"
        self._own_network = bool(around.isolation.stack)
        self._keeper: Keeper | None = None
        self._imds: Imds | None = None
        self._relay: Relay | None = None
        self._spot_action = ""

    @property
    def bind_address(self) -> str:
        """Where its services listen, as the host (without a network of its own) or the guest sees it."""
        linux = sys.platform == "linux"
        return "127.0.0.1" if self._own_network or not linux else self.spec.loopback

    @property
    def prefix(self) -> str:
        """What stands before its paths on the host; empty where it has its own root."""
        return "" if self._contained else str(self.folder / "root")

    def boot(self) -> None:
        """Start it; user data runs when the spec says that it is the first boot.

        Raises:
            SandboxError: It cannot be started here.
        """
        if self.spec.first_boot:
            self._make_root()
        elif not (self.folder / "root").is_dir():
            raise SandboxError(f"{self.spec.instance_id} has no root volume")
        self._clear_volumes()
        with contextlib.ExitStack() as undo:
            listener = undo.enter_context(self._listen_guest())
            metadata = "" if self._own_network else self._listen_metadata()
            settings = self._settings(listener, metadata or f"http://{METADATA_ADDRESS}")
            undo.callback(self._close_services)
            keeper = (
                self._keep_contained(settings, listener)
                if self._contained
                else self._keep(settings, listener)
            )
            undo.pop_all()
        listener.close()
        self._hold(keeper)

    def _hold(self, keeper: Keeper) -> None:
        """Serve what has been started.

        Raises:
            SandboxError: The user-mode network does not start.
        """
        self._keeper = keeper
        if keeper.listeners:
            first, second = keeper.listeners
            self._serve_metadata(first)
            self._relay = Relay(second, self._around.endpoint)
        try:
            self.set_way_out(open_=self.spec.way_out)
        except SandboxError:
            keeper.kill()
            raise

    def _make_root(self) -> None:
        if not self._contained:
            head = self.spec.user_data.splitlines()[:_MARKER_LINES]
            if self.spec.user_data and MARKER not in head:
                raise SandboxError(
                    "user data is not run without namespaces, where it would write to this host: "
                    f"{self._around.isolation.reason}"
                )
        if (self.folder / "root").exists():
            raise SandboxError(f"{self.spec.instance_id} has booted before")
        for name in ("root", "volumes"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "console.log").touch(0o640)
        if self._contained:
            image.make_root(self.folder, self._around.host)
        cloud = self.folder / "root/var/lib/cloud/instance"
        cloud.mkdir(parents=True)
        (cloud / "user-data.txt").touch(0o600)
        (cloud / "user-data.txt").write_bytes(self.spec.user_data)

    def _clear_volumes(self) -> None:
        for path in (self.folder / "volumes").iterdir():
            path.unlink() if path.is_symlink() else path.rmdir()

    def _listen_guest(self) -> socket.socket:
        self.guest_socket.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.guest_socket))
        self.guest_socket.chmod(0o600)
        listener.listen(128)
        return listener

    def _listen_metadata(self) -> str:
        listener = socket.create_server((self.bind_address, 0))
        port = listener.getsockname()[1]
        self._serve_metadata(listener)
        return f"http://{self.bind_address}:{port}"

    def _serve_metadata(self, listener: socket.socket) -> None:
        self._imds = Imds(listener, lambda: self.spec, self._around.credentials)
        self._imds.spot_action = self._spot_action

    def _ssh_reason(self) -> str:
        if not self._contained:
            return "instances without namespaces have none"
        if not self._own_network:
            return "the port belongs to this host's network"
        return "" if users.many_ids() else "without root there is one user id, and sshd needs two"

    def _settings(self, listener: socket.socket, metadata: str) -> dict[str, Any]:
        spec, host = self.spec, self._around.host
        volumes_root = "/volumes" if self._contained else str(self.folder / "volumes")
        power = image.POWER if self._contained else str(self.folder / "power")
        platform = {
            "prefix": self.prefix,
            "user": "ec2-user" if self._contained else getpass.getuser(),
            "supervisor": "child",
            "stop_action": f"file:{power}",
            "metadata_endpoint": metadata,
            "bind_address": self.bind_address,
            "aws_endpoint": self._around.endpoint_url,
            "volumes_root": volumes_root,
            "volumes": {volume: f"{volumes_root}/{volume}" for volume in spec.volumes},
            "python": host.python,
            "os_packages": False,
        }
        if not self._contained:
            # This computer's terminals are not the machine's: nobody is told there what concerns it.
            platform["terminals"] = f"{self.prefix}/dev/pts"
        files = {f"{self.prefix}{_PLATFORM}": json.dumps(platform, indent=2) + "\n"}
        environment = dict(host.environment)
        if self._contained:
            resolver = network.RESOLVER if self._own_network else ""
            files |= image.boot_files(spec.host_name, spec.private_ip, resolver)
        else:
            environment |= {"DS_EC2_PLATFORM": f"{self.prefix}{_PLATFORM}", "DS_EC2_PREFIX": self.prefix}
            environment["HOME"] = f"{self.prefix}/root"
        return {
            "first_boot": spec.first_boot,
            "listener": listener.fileno(),
            "address": spec.private_ip,
            "bind_address": self.bind_address,
            "power": power,
            "prefix": self.prefix,
            "contained": self._contained,
            "ssh_reason": self._ssh_reason(),
            "files": files,
            "environment": environment,
        }

    def _keep_contained(self, settings: dict[str, Any], listener: socket.socket) -> Keeper:
        host, folder = self._around.host, self.folder
        port = self._around.endpoint[1]
        plan = {
            "root": str(folder / "root"),
            "read_only": [[path, path] for path in host.read_only()],
            "writable": image.writable(folder, host),
            "volumes": str(folder / "volumes"),
            "guest": str(_GUEST),
            "attached": {volume: str(path) for volume, path in self.spec.volumes.items()},
            "hostname": self.spec.host_name,
            "addresses": [self.spec.private_ip, METADATA_ADDRESS],
            "listen": [[METADATA_ADDRESS, 80], ["127.0.0.1", port]],
            "stack": self._around.isolation.stack,
            "log": image.CONSOLE,
            "network_log": str(folder / "network.log"),
            "probe": False,
            "command": [host.python, *program(_GUEST_MODULE, GUEST_LIBRARY)],
            "environment": {SETTINGS: json.dumps(settings)},
        }
        return NamespaceKeeper(plan, listener, folder / "launcher.pid")

    def _keep(self, settings: dict[str, Any], listener: socket.socket) -> Keeper:
        for volume, path in self.spec.volumes.items():
            (self.folder / "volumes" / volume).symlink_to(path)
        command = [self._around.host.python, *program(_GUEST_MODULE)]
        return DirectoryKeeper(
            command, settings, listener, self.folder / "console.log", self.folder / "launcher.pid"
        )

    def keeper(self) -> Keeper:
        """Return what holds the running instance.

        Raises:
            SandboxError: It does not run.
        """
        if self._keeper is None:
            raise SandboxError(f"{self.spec.instance_id} is not running")
        return self._keeper

    def wait(self) -> int:
        """Wait for the end of this boot, close what served it; return the exit status."""
        status = self.keeper().wait()
        self._close_services()
        self._keeper = None
        self.guest_socket.unlink(missing_ok=True)
        (self.folder / "launcher.pid").unlink(missing_ok=True)
        return status

    def end(self) -> None:
        """Stop it: first kindly, then not. `wait`, in another thread, sees it end."""
        try:
            keeper = self.keeper()
        except SandboxError:
            return
        keeper.ask_to_stop()
        try:
            keeper.wait(self.stop_s)
        except subprocess.TimeoutExpired:
            keeper.kill()

    def destroy(self) -> None:
        """Stop it for good."""
        self.end()

    def _close_services(self) -> None:
        for service in (self._imds, self._relay):
            if service is not None:
                service.close()
        self._imds = self._relay = None

    def set_way_out(self, *, open_: bool) -> None:
        """Open or close the way out; without a network of its own an instance has the host's, always.

        Raises:
            SandboxError: The user-mode network does not start.
        """
        if self._own_network:
            self.keeper().command(do="way_out", open=open_)

    def attach(self, volume: str, path: Path) -> None:
        """Show a volume in the running instance.

        Raises:
            SandboxError: It is there already, or cannot be shown.
        """
        if self._contained:
            self.keeper().command(do="attach", volume=volume, folder=str(path))
        else:
            (self.folder / "volumes" / volume).symlink_to(path)

    def detach(self, volume: str) -> None:
        """Take a volume from the running instance.

        Raises:
            SandboxError: It is not there.
        """
        if self._contained:
            self.keeper().command(do="detach", volume=volume)
        else:
            (self.folder / "volumes" / volume).unlink()

    def set_spot_action(self, text: str) -> None:
        """Have the metadata answer `spot/instance-action` with a document; empty takes it away."""
        self._spot_action = text
        if self._imds is not None:
            self._imds.spot_action = text
