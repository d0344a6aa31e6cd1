"""Docker, where it was asked for: the distribution's own, its images on the data volume."""

from __future__ import annotations

import json
import pwd
import shutil
from typing import TYPE_CHECKING, Any, Dict

from ds_ec2_machine import distributions
from ds_ec2_machine.loader import read, write
from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.platform import Platform
    from ds_ec2_machine.stages import Stage

GROUP = "docker"
IMAGES = "/data/ds-ec2/docker"
"""The root volume is small, and images should outlive the machine."""
_SHELL_USER = "ssm-user"
"""Whose shells `ds-ec2 ssh` opens; Session Manager's agent makes the account as it starts.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-ssm-user-permissions.html
"""
_SETTINGS = "/etc/docker/daemon.json"


def wanted(platform: Platform) -> bool:
    """Return whether the stack asks for Docker."""
    return platform.settings().get("docker") == "yes"


def admit(stage: Stage) -> None:
    """Have people in Docker's group before anything of theirs runs: it counts from a process's start."""
    stage.run(["groupadd", "--system", "--force", GROUP])
    for name in (stage.platform.account.name, _SHELL_USER):
        if _exists(name):
            stage.run(["usermod", "--append", "--groups", GROUP, name])


def install(stage: Stage) -> None:
    """Have Docker answering.

    Raises:
        StageError: The package manager's or Docker's own words.
    """
    platform = stage.platform
    if not shutil.which("dockerd"):
        row = distributions.here()
        if row is None or not platform.os_packages:
            raise StageError("Docker is not here, and this system's packages are not known")
        distributions.run_all(stage, row.docker)
    admit(stage)
    changed = _configure(platform)
    if shutil.which("nvidia-ctk"):
        # It adds itself to daemon.json.
        # Source: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
        stage.run(["nvidia-ctk", "runtime", "configure", "--runtime=docker"])
    elif platform.file("/dev/nvidiactl").exists():
        stage.say("this image has no NVIDIA container toolkit: containers see no GPU")
    # Here, not by systemd at boot: it would find an empty folder where the data volume comes later.
    stage.run(["systemctl", "disable", "docker.service", "docker.socket"])
    stage.run(["systemctl", "restart" if changed else "start", "docker.service"])
    stage.wait("Docker", lambda: _answers(stage), 1.0)


def _configure(platform: Platform) -> bool:
    """Have images on the data volume, unless Docker was told otherwise; return whether that is news."""
    platform.file(IMAGES).mkdir(parents=True, exist_ok=True)
    settings: Dict[str, Any] = read(platform.path(_SETTINGS))
    if "data-root" in settings:
        return False
    write(platform.path(_SETTINGS), json.dumps({**settings, "data-root": IMAGES}, indent=1).encode())
    return True


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _answers(stage: Stage) -> bool:
    try:
        stage.run(["docker", "info", "--format", "{{.ServerVersion}}"])
    except StageError:
        return False
    return True
