"""This machine: its seams, its data scientist's account, and where things lie on it."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

from ds_ec2_machine.loader import Host, read, write

STATE = "/var/lib/ds-ec2"
LOGS = "/var/log/ds-ec2"
DATA = "/data"
WORK = "/data/work"
ENVIRONMENT = "/data/ds-ec2/env"  # a link to the one in force
ENVIRONMENTS = "/data/ds-ec2/environments"
KERNELS = "/data/ds-ec2/jupyter"  # for JUPYTER_PATH: a server that keeps running finds the new kernel there
CACHE = "/data/ds-ec2/cache"
APPLICATION = "/opt/ds-ec2/machine.pyz"
LOADER = "/opt/ds-ec2/loader.py"
TOKEN = f"{STATE}/jupyter-token"
KEEP = f"{STATE}/keep-awake"
SETTINGS = f"{STATE}/settings.json"
PACKAGES = f"{STATE}/packages.txt"

JUPYTER_PORT = 8888
CONTROL_PORT = 8765

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = ("PIP_", "UV_", "SSL_CERT_", "LANG", "LC_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "DS_EC2_")


@dataclass(frozen=True)
class Account:
    """An account of the operating system."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class Platform(Host):
    """The machine as `/etc/ds-ec2/platform.json` describes it; EC2 where there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.account = self._account()
        self.bind_address = str(self.seams.get("bind_address", "127.0.0.1"))
        self.systemd = self.seams.get("supervisor", "systemd") == "systemd"
        self.os_packages = bool(self.seams.get("os_packages", True))

    def _account(self) -> Account:
        from ds_ec2_machine.distributions import USERS  # which builds on this module

        named = self.seams.get("user")
        for name in (named,) if named else USERS:
            try:
                entry = pwd.getpwnam(name)
                break
            except KeyError:
                continue
        else:
            entry = pwd.getpwuid(os.getuid())
        home = self.path(entry.pw_dir)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, home, entry.pw_shell)

    def file(self, absolute: str) -> Path:
        """Return an absolute path as it lies on this machine."""
        return Path(self.path(absolute))

    def settings(self) -> Dict[str, str]:
        """Return the settings as they were last read, empty before that."""
        return read(self.path(SETTINGS))

    def give(self, path: Path) -> Path:
        """Hand one file or folder (not what is in it) to the user."""
        if os.getuid() == 0:
            os.chown(path, self.account.uid, self.account.gid)
        return path

    def user_folder(self, absolute: str) -> Path:
        """Return a folder that belongs to the user, made where it is missing."""
        path = self.file(absolute)
        path.mkdir(parents=True, exist_ok=True)
        return self.give(path)

    def kept(self) -> Dict[str, str]:
        """Return what every process of ours hands on: where packages come from, and the language."""
        return {key: value for key, value in os.environ.items() if key.upper().startswith(_KEPT)}

    def environment(self, **more: str) -> Dict[str, str]:
        """Return the environment of the user's processes: little, and the same at every boot."""
        account = self.account
        own = {"HOME": account.home, "USER": account.name, "LOGNAME": account.name, "SHELL": account.shell}
        return {"LANG": "C.UTF-8", **self.kept(), "PATH": _SYSTEM_PATH, **own, **more}

    def as_user(self) -> Dict[str, Any]:
        """Return the arguments with which `subprocess` runs as the user."""
        account = self.account
        if os.getuid() != 0 or account.uid == 0:
            return {}
        groups = os.getgrouplist(account.name, account.gid)
        return {"user": account.uid, "group": account.gid, "extra_groups": groups}

    def stop(self) -> None:
        """End this machine, by the way that its platform knows."""
        action = str(self.seams.get("stop_action", "poweroff"))
        if action == "poweroff":
            subprocess.run(["systemctl", "poweroff"], check=True, timeout=60)
        else:
            write(action.split(":", 1)[1], b"idle\n")

    def token(self) -> Optional[str]:
        """Return JupyterLab's token, None before there is one."""
        path = self.file(TOKEN)
        return path.read_text().strip() if path.exists() else None
