"""The Python environment: JupyterLab's part first, then the user's packages in the same place.

One environment, so that a notebook's kernel, `python` and `jupyter-lab` all see the same packages.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List

from ds_ec2_machine.distributions import python
from ds_ec2_machine.loader import write
from ds_ec2_machine.platform import CACHE, ENVIRONMENT, PACKAGES, WORK, Platform
from ds_ec2_machine.stages import StageError
from ds_ec2_machine.uv import Uv

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage

BASE = ("jupyterlab", "pip")
"""JupyterLab, with the kernel that it brings; pip for `%pip install` in notebooks."""


def variables(platform: Platform) -> Dict[str, str]:
    """Return what puts the environment in force for a process."""
    folder = platform.path(ENVIRONMENT)
    path = f"{folder}/bin:{platform.environment()['PATH']}"
    return {"PATH": path, "VIRTUAL_ENV": folder}


def prepare(stage: Stage) -> Uv:
    """Have the environment with JupyterLab in it.

    Raises:
        StageError: uv's or pip's own words.
    """
    platform = stage.platform
    for folder in ("/data", WORK, "/data/ds-ec2", CACHE, f"{CACHE}/uv"):
        platform.user_folder(folder)
    _cache_on_data(platform)
    interpreter = python(stage)
    uv = Uv(stage, interpreter)
    own = f"{platform.path(ENVIRONMENT)}/bin/python"
    if not _same_python(stage, interpreter, own):
        uv.run(stage, "venv", "--clear", "--python", interpreter, platform.path(ENVIRONMENT))
    uv.install(stage, own, *BASE)
    _on_path(platform)
    return uv


def install_packages(stage: Stage, uv: Uv) -> None:
    """Install the user's list, together with JupyterLab's part, so that neither breaks the other.

    Raises:
        StageError: The resolver's own words; nothing was changed then.
    """
    platform = stage.platform
    uv.install(stage, f"{platform.path(ENVIRONMENT)}/bin/python", *BASE, "-r", platform.path(PACKAGES))


def compile_later(platform: Platform) -> None:
    """Compile what was installed, when nothing else wants the processor."""
    folder = platform.path(ENVIRONMENT)
    command: List[str] = [
        "nice",
        "-n",
        "19",
        f"{folder}/bin/python",
        "-m",
        "compileall",
        "-q",
        f"{folder}/lib",
    ]
    quiet = subprocess.DEVNULL
    subprocess.Popen(
        command,
        env=platform.environment(),
        cwd="/",
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        **platform.as_user(),
    )


def _same_python(stage: Stage, interpreter: str, own: str) -> bool:
    """Return whether the environment works, and is of the wanted version."""
    ask = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return stage.run([interpreter, *ask], as_user=True) == stage.run([own, *ask], as_user=True)
    except StageError:
        return False


def _cache_on_data(platform: Platform) -> None:
    """Have `~/.cache` (uv, pip, models) on the data volume, unless the user has one already."""
    link = Path(platform.account.home) / ".cache"
    if link.parent.is_dir() and not os.path.lexists(link):
        link.symlink_to(platform.path(CACHE))


def _on_path(platform: Platform) -> None:
    """Put `python` and `jupyter-lab` on the PATH of login shells, `jupyter-lab` on everybody's."""
    folder = platform.path(ENVIRONMENT)
    text = f'export PATH="{folder}/bin:$PATH" VIRTUAL_ENV="{folder}"\n'
    write(platform.path("/etc/profile.d/ds-ec2.sh"), text.encode())
    # Session Manager's own shells are no login shells.
    for name in ("jupyter", "jupyter-lab"):
        link = platform.file(f"/usr/local/bin/{name}")
        if not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"{folder}/bin/{name}")
