"""The Linux system calls that Python 3.11 does not offer: namespaces, mounts, death signals."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import signal

# Flags of clone(2). Source: sched.h of the kernel.
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# Flags of mount(2) and umount2(2). Source: mount.h of the kernel.
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MNT_DETACH = 0x2

# What a remount in a user namespace has to keep, as statvfs(2) tells it (same bits as the mount flags),
# and the access-time flags, whose bits differ. Source: bits/statvfs.h
_KEPT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC
_ACCESS_TIMES = {0x400: 0x400, 0x800: 0x800, 0x1000: 0x200000}  # noatime, nodiratime, relatime

_PR_SET_PDEATHSIG = 1

_SYSCALL_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process into new namespaces.

    Raises:
        OSError: The kernel refuses.
    """
    _check(_libc().unshare(flags), f"unshare({flags:#x})")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system, or change a mount.

    Raises:
        OSError: The kernel refuses.
    """
    words = [word.encode() or None for word in (source, target, kind)]
    result = _libc().mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    _check(result, f"mount {kind or source} on {target}")


def unmount(target: str) -> None:
    """Take a mount away at once, even while it is in use.

    Raises:
        OSError: There is none.
    """
    _check(_libc().umount2(target.encode(), MNT_DETACH), f"umount {target}")


def bind(source: str, target: str, *, read_only: bool = False) -> None:
    """Show a folder or file at a second place, with what is mounted below it.

    Raises:
        OSError: The kernel refuses.
    """
    mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        for place in _mounts_below(target):
            facts = os.statvfs(place).f_flag
            flags = MS_REMOUNT | MS_BIND | MS_RDONLY | (facts & _KEPT_FLAGS)
            flags |= sum(new for old, new in _ACCESS_TIMES.items() if facts & old)
            mount("", place, flags=flags)


def _mounts_below(target: str) -> list[str]:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs 10 ms
        places = [line.split()[4].encode().decode("unicode_escape") for line in file]
    return [place for place in dict.fromkeys(places) if place == target or place.startswith(f"{target}/")]


def pivot(root: str) -> None:
    """Make a folder the root of this mount namespace and let go of the old one.

    Raises:
        OSError: The kernel refuses.
    """
    # A bind of its own: mounts that came from the namespace above are locked, and cannot be the root.
    mount(root, root, flags=MS_BIND | MS_REC)
    os.chdir(root)
    number = _SYSCALL_PIVOT_ROOT[os.uname().machine]
    _check(_libc().syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def die_with_parent() -> None:
    """Have this process killed when the one that started it ends."""
    _check(_libc().prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0), "prctl")


def set_hostname(name: str) -> None:
    """Name the machine of this UTS namespace.

    Raises:
        OSError: The kernel refuses.
    """
    _check(_libc().sethostname(name.encode(), len(name.encode())), "sethostname")
