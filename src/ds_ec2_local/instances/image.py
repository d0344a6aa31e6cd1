"""The files of an instance's root volume, as they are before its first boot."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ec2_local.instances import host as hosts
from ds_ec2_local.instances.users import write_users

if TYPE_CHECKING:
    from ds_ec2_local.instances.host import Host

# Folders of `/` with their modes. `/root` may be passed through, not listed: the host's Python may lie below.
_FOLDERS = {
    "boot": 0o755,
    "data": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "mnt": 0o755,
    "opt": 0o755,
    "proc": 0o755,
    "root": 0o711,
    "run": 0o755,
    "srv": 0o755,
    "sys": 0o755,
    "tmp": 0o1777,
    "usr": 0o755,
    "var": 0o755,
    "var/cache": 0o755,
    "var/empty": 0o755,
    "var/lib": 0o755,
    "var/log": 0o755,
    "var/spool": 0o755,
    "var/tmp": 0o1777,
    "volumes": 0o755,
}
_LOCAL_FOLDERS = ("bin", "etc", "include", "lib", "sbin", "share", "share/ca-certificates", "src")
# What `/etc` of the host would tell of the host alone, or what an instance has of its own.
_NOT_COPIED = frozenset(
    {
        "fstab",
        "hostname",
        "hosts",
        "machine-id",
        "mtab",
        "passwd",
        "passwd-",
        "group",
        "group-",
        "pip.conf",
        "rc.local",
        "resolv.conf",
        "shadow",
        "ssh",
        "subgid",
        "subuid",
        "sudoers.d",
        "systemd",
    }
)
CONSOLE = "/var/log/cloud-init-output.log"
POWER = "/run/ec2-local/power"

_COMMAND = """#!/bin/sh
# This instance has no systemd: its first process watches this file.
echo {word} > {power}.new && mv {power}.new {power}
"""
_SYSTEMCTL = """#!/bin/sh
# This instance has no systemd; stopping and restarting it work.
case "$1" in
  poweroff|halt|reboot) exec "/usr/local/sbin/$1" ;;
  *) echo "System has not been booted with systemd as init system (PID 1). Can't operate." >&2; exit 1 ;;
esac
"""


def make_root(instance: Path, host: Host) -> None:
    """Write the root volume of an instance that boots for the first time.

    Args:
        instance: The instance's folder; `root` and `local` are made in it.
        host: What this host gives.
    """
    root = instance / "root"
    for name, mode in _FOLDERS.items():
        path = root / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    for name, target in hosts.system_links().items():
        (root / name[1:]).symlink_to(target)
    for shown in host.read_only():
        _mount_point(root, Path(shown))
    _copy_readable(Path("/etc"), root / "etc")
    write_users(root)
    (root / "etc/pip.conf").write_text(pip_file(host))
    (root / CONSOLE[1:]).touch()
    _local_folder(instance / "local", host)


def boot_files(name: str, address: str, resolver: str) -> dict[str, str]:
    """Return the files that follow from the instance's address: path inside to text.

    The guest writes them at every boot: what the server writes below a folder that an instance
    had in its hands could be led elsewhere by a symbolic link.
    """
    return {
        "/etc/hostname": f"{name}\n",
        "/etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{address} {name}.ec2.internal {name}\n",
        "/etc/resolv.conf": f"nameserver {resolver}\n" if resolver else Path("/etc/resolv.conf").read_text(),
    }


def _mount_point(root: Path, path: Path) -> None:
    inside = root / str(path)[1:]
    folder = inside if path.is_dir() else inside.parent
    for parent in reversed([folder, *folder.parents]):
        if parent.is_relative_to(root) and not parent.exists():
            parent.mkdir(mode=0o755)
    if not path.is_dir():
        inside.touch()


def _copy_readable(source: Path, target: Path) -> None:
    """Copy what every user of the host may read: no keys, no passwords."""
    for entry in os.scandir(source):
        if source == Path("/etc") and entry.name in _NOT_COPIED:
            continue
        mode, new = entry.stat(follow_symlinks=False).st_mode, target / entry.name
        if stat.S_ISLNK(mode):
            new.symlink_to(os.readlink(entry.path))  # noqa: PTH115 - a DirEntry
        elif stat.S_ISDIR(mode) and mode & stat.S_IROTH and mode & stat.S_IXOTH:
            new.mkdir(mode=0o755)
            _copy_readable(Path(entry.path), new)
        elif stat.S_ISREG(mode) and mode & stat.S_IROTH:
            shutil.copy(entry.path, new)


def pip_file(host: Host) -> str:
    """Return the host's settings of pip as a file of its own."""
    lines = [f"{key} = {' '.join(value.split())}" for key, value in host.pip]
    return "\n".join(["[global]", *lines, ""])


def _local_folder(local: Path, host: Host) -> None:
    """Write `/usr/local`: the interpreter's name, and the commands that end an instance."""
    for name in _LOCAL_FOLDERS:
        (local / name).mkdir(parents=True, exist_ok=True)
    python = Path(host.python)
    if not python.is_relative_to("/usr"):
        # A script, not a link: `venv` takes a link for the interpreter's own place.
        for name in ("python3", f"python3.{python.name.partition('.')[2]}".rstrip(".")):
            _program(local / "bin" / name, f'#!/bin/sh\nexec "{python}" "$@"\n')
    commands = {"poweroff": "poweroff", "shutdown": "poweroff", "halt": "poweroff", "reboot": "reboot"}
    texts = {name: _COMMAND.format(word=word, power=POWER) for name, word in commands.items()}
    for name, text in {**texts, "systemctl": _SYSTEMCTL}.items():
        _program(local / "sbin" / name, text)


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def writable(instance: Path, host: Host) -> list[tuple[str, str]]:
    """Return the (host path, path inside) pairs that lie over the read-only folders."""
    pairs = [(str(instance / "console.log"), CONSOLE)]
    local = instance / "local"
    if Path(host.prefix).is_relative_to("/usr/local"):
        # The interpreter lives there: only the commands are put over it.
        pairs.append((str(local / "sbin"), "/usr/local/sbin"))
    else:
        pairs.append((str(local), "/usr/local"))
    return pairs
