"""What differs between Linux distributions, in one table."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Tuple

from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage


@dataclass(frozen=True)
class Distribution:
    """How a distribution gives a Python that can make virtual environments.

    Args:
        install: Commands that get it; `{version}` is like 3.12. They need root.
    """

    install: Tuple[str, ...]


_APT = "apt-get -o DPkg::Lock::Timeout=300 "  # a fresh Ubuntu updates itself while it boots

_DISTRIBUTIONS: Dict[str, Distribution] = {
    # 3.11 and later stand beside the system's 3.9, and bring ensurepip.
    # Source: https://docs.aws.amazon.com/linux/al2023/ug/python.html
    "amzn": Distribution(("dnf install -y python{version} python{version}-pip",)),
    # Source: https://packages.ubuntu.com/noble/python3.12-venv (ensurepip is a package of its own)
    "ubuntu": Distribution((_APT + "update", _APT + "install -y python{version} python{version}-venv")),
    "debian": Distribution((_APT + "update", _APT + "install -y python{version} python{version}-venv")),
}


def _os_id() -> str:
    """Return the ID of os-release, empty where there is none."""
    path = Path("/etc/os-release")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((shlex.split(line)[0][3:] for line in lines if line.startswith("ID=")), "")


def _usable(stage: Stage, python: str) -> bool:
    """Return whether an interpreter is there and can make virtual environments with pip in them."""
    try:
        stage.run([python, "-c", "import ensurepip, venv"], as_user=True)
    except StageError:
        return False
    return True


def python(stage: Stage) -> str:
    """Return the environment's interpreter, installed first where the distribution has it as a package.

    Raises:
        StageError: The package manager failed, and there is no other usable Python.
    """
    platform = stage.platform
    named = platform.seams.get("python")
    if named:
        return str(named)
    version = platform.settings().get("python", "3.12")
    wanted = f"/usr/bin/python{version}"
    if _usable(stage, wanted):
        return wanted
    reason = f"Python {version} is not here, and nothing may be installed"
    distribution = _DISTRIBUTIONS.get(_os_id())
    if distribution and platform.os_packages:
        try:
            env = platform.environment(DEBIAN_FRONTEND="noninteractive")
            for command in distribution.install:
                stage.run(shlex.split(command.format(version=version)), env)
        except StageError as error:
            reason = str(error)
        else:
            return wanted
    for other in (shutil.which(f"python{version}"), "/usr/bin/python3", sys.executable):
        if other and _usable(stage, other):
            stage.say(f"going on with {other}: {reason}")
            return other
    raise StageError(reason)
