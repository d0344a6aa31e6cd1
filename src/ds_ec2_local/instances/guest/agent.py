"""In an instance with an init of its own: the guest socket, and the names of volumes, as a service of it."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from ds_ec2_local.instances.guest.processes import PATH, Processes
from ds_ec2_local.instances.guest.serve import GuestServer

HOME = "/run/ec2-local"
SOCKET = f"{HOME}/agent/guest.sock"
DEVICES = f"{HOME}/devices"
"""Nodes of the attached volumes, by volume id."""

_POLL_S = 0.25
_REQUEST_LIMIT = 1 << 20
# Source: https://docs.aws.amazon.com/ebs/latest/userguide/nvme-ebs-volumes.html; nvme0 is the root volume
_BY_ID = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{name}"
_MOST_DEVICES = 26
_DISK_GROUP = 6
# What systemd tells a service about itself.
_OF_THE_UNIT = frozenset({"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "PATH"})


class Devices:
    """Gives volumes the names that the kernel and udev give them on EC2.

    Args:
        nodes: Where their nodes appear and go.
    """

    def __init__(self, nodes: Path) -> None:
        self._nodes = nodes
        self._named: dict[str, tuple[Path, Path]] = {}

    def look(self) -> None:
        """Name new volumes, forget those that are gone."""
        there = {path.name for path in self._nodes.iterdir()}
        for volume in sorted(there - self._named.keys()):
            self._named[volume] = self._name(volume)
        for volume in self._named.keys() - there:
            for path in self._named.pop(volume):
                path.unlink(missing_ok=True)

    def _name(self, volume: str) -> tuple[Path, Path]:
        device = next(path for n in range(1, _MOST_DEVICES) if not (path := Path(f"/dev/nvme{n}n1")).exists())
        os.mknod(device, stat.S_IFBLK | 0o660, (self._nodes / volume).stat().st_rdev)
        os.chown(device, 0, _DISK_GROUP)
        link = Path(_BY_ID.format(name=volume.replace("-", "")))
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../{device.name}")
        return link, device


async def serve() -> None:
    """Answer on the guest socket, and name volumes, until a signal ends this process."""
    base = {key: value for key, value in os.environ.items() if key not in _OF_THE_UNIT}
    processes = Processes({"LANG": "C.UTF-8", **base, "PATH": PATH}, contained=False)
    processes.watch()
    guest = GuestServer(processes, "127.0.0.1")
    Path(SOCKET).unlink(missing_ok=True)  # noqa: ASYNC240 - nothing else is served yet
    server = await asyncio.start_unix_server(guest.answer, SOCKET, limit=_REQUEST_LIMIT)
    Path(SOCKET).chmod(0o600)  # noqa: ASYNC240 - as above
    devices = Devices(Path(DEVICES))
    async with server:
        while True:
            devices.look()
            await asyncio.sleep(_POLL_S)


def main() -> None:
    """Serve; systemd ends it."""
    asyncio.run(serve())
