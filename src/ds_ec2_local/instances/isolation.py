"""How instances can be kept apart on this host: tried, not guessed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ds_ec2_local.instances import network
from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.instances.keeper import NamespaceKeeper

_GUEST = str(Path(__file__).parent / "guest")


@dataclass(frozen=True, slots=True)
class Isolation:
    """What this host allows.

    Args:
        kind: `namespaces`: every instance is a Linux environment of its own; `directory`: a folder; `boot`: a
            guest that boots an image.
        stack: The user-mode network stack (`slirp4netns`, `pasta`); empty means the host's network.
        reason: Why it is not more, empty where nothing is missing.
    """

    kind: Literal["namespaces", "directory", "boot"]
    stack: str
    reason: str


def detect() -> Isolation:
    """Make a sandbox that runs nothing, and tell what came of it."""
    if sys.platform != "linux":
        return Isolation("directory", "", f"{sys.platform} has no namespaces")
    stack = network.find_stack()
    missing = "" if stack else "slirp4netns and pasta are missing: instances share this host's network"
    if stack and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        stack, missing = "", "/dev/net/tun may not be opened: instances share this host's network"
    # Not in /tmp by chance only: any folder that is not below a system folder does.
    folder = Path(tempfile.mkdtemp(prefix="ec2-local-"))
    try:
        _try_namespaces(folder, stack)
    except SandboxError as error:
        return Isolation("directory", "", str(error))
    finally:
        shutil.rmtree(folder)
    return Isolation("namespaces", stack, missing)


def _try_namespaces(folder: Path, stack: str) -> None:
    for name in ("root/dev", "root/proc", "root/run", "root/sys", "root/volumes", "volumes"):
        (folder / name).mkdir(parents=True)
    plan = {
        "root": str(folder / "root"),
        "read_only": [],
        "writable": [],
        "volumes": str(folder / "volumes"),
        "guest": _GUEST,
        "attached": {},
        "hostname": "probe",
        "addresses": ["169.254.169.254"],
        "listen": [["169.254.169.254", 80]],
        "stack": stack,
        "log": "/run/probe.log",
        "network_log": str(folder / "network.log"),
        "probe": True,
    }
    keeper = NamespaceKeeper(plan, None, folder / "launcher.pid")
    for listener in keeper.listeners:
        listener.close()
    keeper.kill()
    keeper.wait()
