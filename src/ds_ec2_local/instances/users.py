"""The accounts of an instance: the host's system accounts, `ec2-user`, and Session Manager's `ssm-user`."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_FIRST_PERSON = 1000
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class _Person:
    name: str
    number: int


_PEOPLE = (_Person("ec2-user", 1000), _Person("ssm-user", 1001))


def many_ids() -> bool:
    """Whether sandboxes of this process have more than one user id."""
    return os.geteuid() == 0


def write_users(root: Path) -> None:
    """Write `passwd`, `group`, `shadow`, home folders, and sudo's rules where the host has sudo.

    Where there is one user id alone, both accounts are other names of user 0.
    """
    shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
    passwd = [line for line in _system_lines("passwd") if not line.startswith("root:")]
    passwd.insert(0, f"root:x:0:0:root:/root:{shell}")
    group = _system_lines("group")
    for person in _PEOPLE:
        number = person.number if many_ids() else 0
        passwd.append(f"{person.name}:x:{number}:{number}::/home/{person.name}:{shell}")
        if number:
            group.append(f"{person.name}:x:{number}:")
        home = root / "home" / person.name
        home.mkdir(mode=0o700)
        for skeleton in Path("/etc/skel").glob(".*"):
            if skeleton.is_file():
                shutil.copyfile(skeleton, home / skeleton.name)
        for path in (home, *home.iterdir()):
            if number:
                os.chown(path, number, number)
    names = [line.split(":")[0] for line in passwd]
    if "sshd" not in names:
        passwd.append("sshd:x:74:65534::/run/sshd:/usr/sbin/nologin")
        names.append("sshd")
    etc = root / "etc"
    (etc / "passwd").write_text("\n".join(passwd) + "\n")
    (etc / "group").write_text("\n".join(group) + "\n")
    (etc / "shadow").write_text("".join(f"{name}:*:19000:0:99999:7:::\n" for name in names))
    (etc / "shadow").chmod(0o600)
    if shutil.which("sudo"):
        (etc / "sudoers").write_text(
            "Defaults !requiretty\nroot ALL=(ALL) ALL\n"
            + "".join(f"{person.name} ALL=(ALL) NOPASSWD:ALL\n" for person in _PEOPLE)
        )
        (etc / "sudoers").chmod(0o440)


def _system_lines(name: str) -> list[str]:
    """Return the lines of the host's accounts that belong to no person."""
    lines = Path("/etc", name).read_text().splitlines()
    numbered = [
        (line, line.split(":")) for line in lines if line.count(":") >= 3 and not line.startswith("+")
    ]
    return [
        line
        for line, fields in numbered
        if fields[2].isdigit() and (int(fields[2]) < _FIRST_PERSON or int(fields[2]) == _NOBODY)
    ]
