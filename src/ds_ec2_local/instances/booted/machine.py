"""One instance that boots, through its boots."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.instances import network
from ds_ec2_local.instances.booted import root
from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.instances.guest import agent
from ds_ec2_local.instances.isolation import Isolation
from ds_ec2_local.instances.keeper import NamespaceKeeper
from ds_ec2_local.instances.machine import METADATA_ADDRESS, Machine, Surroundings

if TYPE_CHECKING:
    from ds_ec2_local.instances.spec import InstanceSpec

_LAUNCHER: Final = "ds_ec2_local.instances.booted.launch"
_GUEST: Final = Path(__file__).parents[1] / "guest"
_NSPAWN: Final = (
    "systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--console=pipe",
    "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--capability=CAP_NET_ADMIN",
    "--system-call-filter=@keyring bpf",  # for Docker in it
    "--kill-signal=SIGRTMIN+3",
)  # fmt: skip
# Of an instance: `root` is `changes` over the image.
_FOLDERS: Final = ("root", "changes", "work", "devices")


def why_not() -> str:
    """Return what this host lacks to boot instances, empty where nothing is missing."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can boot instances"
    stack = network.find_stack() or "slirp4netns"
    programs = [name for name in ("systemd-nspawn", stack) if not shutil.which(name)]
    if programs:
        return f"not installed: {', '.join(programs)}"
    devices = [path for path in ("/dev/net/tun", "/dev/loop-control") if not os.access(path, os.W_OK)]
    return f"cannot be opened: {', '.join(devices)}" if devices else ""


def isolation() -> Isolation:
    """Return how instances that boot are kept apart.

    Raises:
        SandboxError: They cannot be had here.
    """
    if reason := why_not():
        raise SandboxError(f"instances cannot boot here: {reason}")
    return Isolation("boot", network.find_stack(), "")


class BootedMachine(Machine):
    """One instance that boots as a machine does; its root volume is an image with its own changes over it.

    Args:
        spec: What it is.
        folder: Its folder on the host, which outlives its boots.
        guest_socket: Where its guest socket lies; the folder of it is seen inside.
        around: What it shares with the others.
        image: The folder of the image.
    """

    stop_s = 60.0

    def __init__(
        self, spec: InstanceSpec, folder: Path, guest_socket: Path, around: Surroundings, image: Path
    ) -> None:
        super().__init__(spec, folder, guest_socket, around)
        self._image = image.resolve()

    def boot(self) -> None:
        """Start it; whether its user data runs is cloud-init's own decision.

        Raises:
            SandboxError: It cannot be started here.
        """
        if self.spec.first_boot:
            self._make()
        elif not (self.folder / "root").is_dir():
            raise SandboxError(f"{self.spec.instance_id} has no root volume")
        self.guest_socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.guest_socket.unlink(missing_ok=True)
        self._hold(NamespaceKeeper(self._plan(), None, self.folder / "launcher.pid", _LAUNCHER))

    def _make(self) -> None:
        if (self.folder / "root").exists():
            raise SandboxError(f"{self.spec.instance_id} has booted before")
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True)
        (self.folder / "console.log").touch(0o640)
        # A Nitro instance's begins so. Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
        digest = hashlib.sha256(self.spec.instance_id.encode()).hexdigest()
        uuid = f"ec2{digest[:5]}-{digest[5:9]}-4{digest[9:12]}-8{digest[12:15]}-{digest[15:27]}"
        platform = {"aws_endpoint": self._around.endpoint_url}
        root.write(self.folder / "changes", self._around.host, platform, uuid)

    def _plan(self) -> dict[str, Any]:
        folder, host = self.folder, self._around.host
        agents = self.guest_socket.parent
        binds = [
            f"{folder}/devices:{agent.DEVICES}",
            f"{agents}:{Path(agent.SOCKET).parent}",
        ]
        shown = [f"{_GUEST}:{root.LIBRARY}/ds_ec2_local/instances/guest"]
        shown += [path for path in host.packages if Path(path).is_dir()]
        command = [
            *_NSPAWN,
            f"--directory={folder}/root",
            f"--machine={self.spec.host_name}",
            f"--hostname={self.spec.host_name}",
            *(f"--bind={one}" for one in binds),
            *(f"--bind-ro={one}" for one in shown),
        ]
        if Path("/sys/class/dmi").exists():
            command.append("--tmpfs=/sys/class/dmi")  # the host's firmware is not the instance's
        return {
            "machine": self.spec.instance_id,
            "image": str(self._image),
            **{name: f"{folder}/{name}" for name in _FOLDERS},
            "attached": {volume: str(path) for volume, path in self.spec.volumes.items()},
            "addresses": [self.spec.private_ip, METADATA_ADDRESS],
            "listen": [[METADATA_ADDRESS, 80], ["127.0.0.1", self._around.endpoint[1]]],
            "stack": self._around.isolation.stack,
            "log": f"{folder}/console.log",
            "network_log": f"{folder}/network.log",
            "probe": False,
            "command": [str(shutil.which(command[0])), *command[1:], root.INIT],
            "environment": {"PATH": os.environ.get("PATH", os.defpath)},
        }

    def attach(self, volume: str, path: Path) -> None:
        """Show a volume in the running instance.

        Raises:
            SandboxError: It is there already, or cannot be shown.
        """
        self.keeper().command(do="attach", volume=volume, folder=str(path))

    def set_way_out(self, *, open_: bool) -> None:
        """Open or close the way out; as on EC2, it is the way to the AWS APIs too, but for endpoints.

        Raises:
            SandboxError: The user-mode network does not start.
        """
        if self._relay is not None:
            self._relay.open = open_ or self.spec.endpoints
        super().set_way_out(open_=open_)

    def destroy(self) -> None:
        """End it; where all its content goes with it, at once."""
        if self.spec.volumes or self._keeper is None:
            self.end()
        else:
            self._keeper.kill()

    def detach(self, volume: str) -> None:
        """Take a volume from the running instance.

        Raises:
            SandboxError: It is not there.
        """
        self.keeper().command(do="detach", volume=volume)
