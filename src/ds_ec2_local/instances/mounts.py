"""The file system of a sandbox: what of the host is seen in it, and what is its own."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from ds_ec2_local.instances import linux

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
# Files of /proc that act on the whole host, by permission of user 0 alone. A sandbox whose user 0 is the
# host's must not write them. Source: the default masked and read-only paths of the OCI runtime specification.
_PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_PROC_HIDDEN = ("kcore", "keys", "timer_list", "kmsg", "latency_stats", "sched_debug")

_TTY_GROUP = 5


@dataclass(frozen=True, slots=True)
class Tree:
    """Where the parts of a sandbox's file system come from.

    Args:
        root: Host folder that becomes `/`; it keeps all that the instance writes.
        read_only: (host path, path inside) pairs that are shown and cannot be written.
        writable: (host path, path inside) pairs over them.
        volumes: Host folder shown as `/volumes`; what is mounted in it later appears inside.
        guest: Host folder of the guest's code.
    """

    root: str
    read_only: tuple[tuple[str, str], ...]
    writable: tuple[tuple[str, str], ...]
    volumes: str
    guest: str


# Where the guest's package lies inside, below a folder that `sys.path` can name.
GUEST_LIBRARY = "/run/ec2-local/lib"
_GUEST_PACKAGE = f"{GUEST_LIBRARY}/ds_ec2_local/instances/guest"


def build(tree: Tree) -> None:
    """Mount everything below `tree.root`. It has to run in the sandbox's PID namespace (for `/proc`).

    Raises:
        OSError: The kernel refuses a mount.
    """
    root = tree.root
    linux.bind(root, root)
    linux.mount("", root, flags=linux.MS_PRIVATE)
    for source, target in tree.read_only:
        linux.bind(source, f"{root}{target}", read_only=True)
    for source, target in tree.writable:
        linux.bind(source, f"{root}{target}")
    _devices(f"{root}/dev")
    _processes(f"{root}/proc")
    _temporary(f"{root}/run", "mode=755")
    Path(f"{root}{_GUEST_PACKAGE}").mkdir(parents=True)
    linux.bind(tree.guest, f"{root}{_GUEST_PACKAGE}", read_only=True)
    with contextlib.suppress(OSError):  # unprivileged: hardware stays unseen
        linux.bind("/sys", f"{root}/sys", read_only=True)
    volumes = f"{root}/volumes"
    linux.bind(tree.volumes, volumes, read_only=True)
    linux.mount("", volumes, flags=linux.MS_PRIVATE)
    linux.mount("", volumes, flags=linux.MS_SHARED)


def _temporary(target: str, options: str) -> None:
    linux.mount("tmpfs", target, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)


def _devices(dev: str) -> None:
    linux.mount("tmpfs", dev, "tmpfs", linux.MS_NOSUID, "mode=755,size=64k")
    for name in _DEVICES:
        Path(f"{dev}/{name}").touch()
        linux.bind(f"/dev/{name}", f"{dev}/{name}")
    for name, target in _DEVICE_LINKS.items():
        Path(f"{dev}/{name}").symlink_to(target)
    for name in ("pts", "shm"):
        Path(f"{dev}/{name}").mkdir()
    _temporary(f"{dev}/shm", "mode=1777")
    flags = linux.MS_NOSUID | linux.MS_NOEXEC
    options = "newinstance,ptmxmode=0666,mode=620"
    try:
        linux.mount("devpts", f"{dev}/pts", "devpts", flags, f"{options},gid={_TTY_GROUP}")
    except OSError:  # the group does not exist where there is one user id alone
        linux.mount("devpts", f"{dev}/pts", "devpts", flags, options)


def _processes(proc: str) -> None:
    linux.mount("proc", proc, "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    for name in _PROC_READ_ONLY:
        if os.path.exists(f"{proc}/{name}"):  # noqa: PTH110 - /proc answers errors that pathlib raises
            linux.bind(f"{proc}/{name}", f"{proc}/{name}", read_only=True)
    for name in _PROC_HIDDEN:
        if os.path.exists(f"{proc}/{name}"):  # noqa: PTH110 - as above
            linux.bind("/dev/null", f"{proc}/{name}")


def attach(tree: Tree, volume: str, folder: str) -> None:
    """Show a host folder as `/volumes/<volume>`: the name appears once the volume is there.

    Raises:
        OSError: The kernel refuses, or there is one of that name already.
    """
    hidden, name = f".{volume}", Path(tree.volumes, volume)
    if name.is_symlink():
        raise FileExistsError(f"{volume} is attached already")
    Path(tree.volumes, hidden).mkdir(exist_ok=True)
    linux.bind(folder, f"{tree.root}/volumes/{hidden}")
    name.symlink_to(hidden)


def detach(tree: Tree, volume: str) -> None:
    """Take a volume away, in use or not.

    Raises:
        OSError: It is not attached.
    """
    Path(tree.volumes, volume).unlink()
    linux.unmount(f"{tree.root}/volumes/.{volume}")
    Path(tree.volumes, f".{volume}").rmdir()
