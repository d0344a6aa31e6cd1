"""The launcher of an instance that boots: as `instances/launch.py`, with `systemd-nspawn` inside.

What differs: there is one user namespace, the host's, since a guest that mounts block devices needs its
user 0; the tree is made by `systemd-nspawn`; volumes are block devices.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ds_ec2_local.instances import launch, linux, network
from ds_ec2_local.instances.booted import loops
from ds_ec2_local.instances.guest.init import REBOOT

if TYPE_CHECKING:
    import socket

DISK = "disk"
"""The file in a volume's folder that is the block device."""
_CGROUPS = "/sys/fs/cgroup"
# With `--keep-unit`, a guest that reboots ends `systemd-nspawn` with this status.
# Source: EXIT_FORCE_RESTART of systemd's nspawn.c
_REBOOTED = 133
_OWN = linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC


class BootLauncher(launch.Launcher):
    """One guest of `systemd-nspawn`, from outside.

    Args:
        plan: What to start; `machine.py` beside this file writes it.
        control: The socket to the server.
    """

    def __init__(self, plan: dict[str, Any], control: socket.socket) -> None:
        self._plan, self._control = plan, control
        self._pid = 0
        self._way_out: network.WayOut | None = None
        self._loops: dict[str, loops.Loop] = {}
        self._cgroup = Path()

    def run(self) -> int:
        """Start the guest and hold it to its end; return what follows."""
        status = super().run()
        for loop in self._loops.values():
            loop.close()
        _remove_cgroup(self._cgroup)
        return REBOOT if status == _REBOOTED else status

    def _enter(self) -> None:
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("", "/", flags=linux.MS_REC | linux.MS_SLAVE)
        lower, upper, work = (self._plan[name] for name in ("image", "changes", "work"))
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        linux.mount("overlay", self._plan["root"], "overlay", options=options)
        # Nodes in it work, whatever the flags of the file system below.
        linux.mount("tmpfs", self._plan["devices"], "tmpfs", linux.MS_NOSUID, "mode=755,size=64k")
        if not Path(_CGROUPS, "cgroup.controllers").exists():
            linux.mount("cgroup2", _CGROUPS, "cgroup2")  # a host with version 1 shows it elsewhere
        own = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()
        self._cgroup = Path(f"{_CGROUPS}{own}", f"ec2-local-{self._plan['machine']}")
        _remove_cgroup(self._cgroup)
        self._cgroup.mkdir(parents=True, exist_ok=True)

    def _complete(self) -> None:
        (self._cgroup / "cgroup.procs").write_text(f"{self._pid}\n")

    def _first_process(self, tell: int, waits: int) -> NoReturn:
        linux.unshare(_OWN)
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        # For containers of the guest's own: /proc/sys is read-only in it.
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
        os.write(tell, b"made\n")
        os.close(tell)
        if not os.read(waits, 1):
            raise OSError("the launcher ended")
        self._become(self._listeners())

    def _attach(self, volume: str, folder: str) -> None:
        if volume in self._loops:
            raise FileExistsError(f"{volume} is attached already")
        loop = self._loops[volume] = loops.attach(f"{folder}/{DISK}")
        os.mknod(f"{self._plan['devices']}/{volume}", stat.S_IFBLK | 0o660, loop.device)

    def _detach(self, volume: str) -> None:
        Path(self._plan["devices"], volume).unlink()
        self._loops.pop(volume).close()


def _remove_cgroup(top: Path) -> None:
    """Remove a control group and those below, once nothing runs in them."""
    if top.is_dir():
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # noqa: PTH106 - pathlib costs 10 ms


def main() -> None:
    """Be the launcher of what boots."""
    launch.main(BootLauncher)
