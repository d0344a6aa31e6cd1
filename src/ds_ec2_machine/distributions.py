"""What differs between Linux distributions and the images made of them, in one table."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Optional, Tuple

from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage

_APT = "apt-get -o DPkg::Lock::Timeout=300 "  # a fresh Ubuntu updates itself while it boots
# ensurepip is a package of its own. Source: https://packages.ubuntu.com/noble/python3.12-venv
_DEBIAN = (_APT + "update", _APT + "install -y python{version} python{version}-venv")
# Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/ssm-agent-status-and-restart.html
_SNAP = ("snap.amazon-ssm-agent.amazon-ssm-agent", "amazon-ssm-agent")
_PACKAGE = ("amazon-ssm-agent",)


@dataclass(frozen=True)
class Distribution:
    """One image, or a family of them.

    Args:
        name: For people.
        os_id: ID of os-release.
        version: VERSION_ID of os-release.
        user: The account that its cloud-init makes.
        pythons: Minor versions of Python 3 among its packages that can make virtual environments.
        install: Commands that get one; `{version}` is like 3.12. They need root.
        docker: Commands that get Docker. They need root.
        agents: Unit names of Session Manager's agent, without `.service`.
        store: Where the image mounts an instance store by itself; empty where it does not.
            Images with one have the os-release of those without.
    """

    name: str
    os_id: str
    version: str
    user: str
    pythons: Tuple[int, ...]
    install: Tuple[str, ...]
    docker: Tuple[str, ...]
    agents: Tuple[str, ...]
    store: str = ""


# /usr/bin/python3 is 3.9 for ever, without pip; these stand beside it, and bring ensurepip.
# Source: https://docs.aws.amazon.com/linux/al2023/ug/python.html
_DNF = ("dnf install -y python{version} python{version}-pip",)
# Source: https://docs.aws.amazon.com/linux/al2023/release-notes/all-packages.html
_DNF_DOCKER = ("dnf install -y docker",)
# Source: https://packages.ubuntu.com/noble/docker.io; https://packages.debian.org/bookworm/docker.io
_APT_DOCKER = (_APT + "update", _APT + "install -y --no-install-recommends docker.io")


def _debian(name: str, version: str, user: str, python: int, agents: Tuple[str, ...]) -> Distribution:
    """Return a row of the family that has one Python a release."""
    return Distribution(
        name, name.partition(" ")[0].lower(), version, user, (python,), _DEBIAN, _APT_DOCKER, agents
    )


_AMAZON = Distribution(
    "Amazon Linux 2023", "amzn", "2023", "ec2-user", (11, 12, 13, 14), _DNF, _DNF_DOCKER, _PACKAGE
)
# Source: https://packages.ubuntu.com/jammy/python3-venv
_JAMMY = _debian("Ubuntu 22.04", "22.04", "ubuntu", 10, _SNAP)
# Source: https://packages.ubuntu.com/noble/python3-venv
_NOBLE = _debian("Ubuntu 24.04", "24.04", "ubuntu", 12, _SNAP)
# Source: https://packages.debian.org/bookworm/python3-venv; https://wiki.debian.org/Cloud/AmazonEC2Image
_BOOKWORM = _debian("Debian 12", "12", "admin", 11, _PACKAGE)
# Source: https://packages.debian.org/trixie/python3-venv
_TRIXIE = _debian("Debian 13", "13", "admin", 13, _PACKAGE)


def _deep_learning(base: Distribution) -> Distribution:
    """Return the deep-learning base AMI that is made of a distribution.

    Source: https://docs.aws.amazon.com/dlami/latest/devguide/overview-base.html
    """
    return replace(base, name=f"deep-learning base AMI of {base.name}", store="/opt/dlami/nvme")


DISTRIBUTIONS: Tuple[Distribution, ...] = (
    *(_deep_learning(row) for row in (_AMAZON, _JAMMY, _NOBLE)),
    *(_AMAZON, _JAMMY, _NOBLE, _BOOKWORM, _TRIXIE),
)

USERS = tuple(dict.fromkeys(row.user for row in DISTRIBUTIONS))
"""The accounts that images come with."""


def here(root: Path = Path("/")) -> Optional[Distribution]:
    """Return this machine's row, None where there is none."""
    path = root / "etc/os-release"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = (line.partition("=") for line in lines if "=" in line)
    told = {key: "".join(shlex.split(value)) for key, _, value in pairs}
    for row in DISTRIBUTIONS:
        same = (row.os_id, row.version) == (told.get("ID"), told.get("VERSION_ID"))
        if same and (root / row.store[1:]).is_dir():
            return row
    return None


def agents() -> Tuple[str, ...]:
    """Return the unit names that Session Manager's agent may have on this machine."""
    row = here()
    return row.agents if row else _SNAP


def closest(row: Distribution, version: str) -> str:
    """Return the version among a distribution's Pythons that is closest to one; of two, the newer."""
    wanted = int(version.partition(".")[2])
    return f"3.{min(row.pythons, key=lambda minor: (abs(minor - wanted), -minor))}"


def python(stage: Stage, version: str = "") -> str:
    """Return the environment's interpreter: of the version wanted, or of the closest that can be had.

    Args:
        stage: Whose log and budget.
        version: Like 3.12; empty for the stack's.

    Raises:
        StageError: The package manager failed, and there is no other usable Python.
    """
    platform = stage.platform
    named = platform.seams.get("python")
    if named:
        return str(named)
    version = version or platform.settings().get("python", "3.12")
    wanted, row = f"/usr/bin/python{version}", here()
    offered = closest(row, version) if row else version
    reason = f"Python {version} is not among the packages of {row.name if row else 'this system'}"
    found = _first_usable(stage, wanted, f"/usr/bin/python{offered}")
    if not found and row and platform.os_packages:
        try:
            found = _installed(stage, row, offered)
        except StageError as error:
            reason = str(error)
    found = found or _first_usable(
        stage, shutil.which(f"python{version}") or "", "/usr/bin/python3", sys.executable
    )
    if not found:
        raise StageError(f"no Python here can make environments: {reason}")
    if found != wanted:
        stage.say(f"going on with {found}: {reason}")
    return found


def _first_usable(stage: Stage, *pythons: str) -> str:
    """Return the first interpreter that is there and makes environments with pip in them; else empty."""
    for one in filter(None, dict.fromkeys(pythons)):
        try:
            stage.run([one, "-c", "import ensurepip, venv"], as_user=True)
        except StageError:
            continue
        return one
    return ""


def _installed(stage: Stage, row: Distribution, version: str) -> str:
    run_all(stage, [command.format(version=version) for command in row.install])
    return f"/usr/bin/python{version}"


def run_all(stage: Stage, commands: Iterable[str]) -> None:
    """Run commands of the package manager.

    Raises:
        StageError: One failed, in its own words.
    """
    env = stage.platform.environment(DEBIAN_FRONTEND="noninteractive")
    for command in commands:
        stage.run(shlex.split(command), env)
