"""The Python environment in force: one link to one of several folders, so that a new one is built beside it.

One environment, so that a notebook's kernel, `python` and `jupyter-lab` all see the same packages.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ds_ec2_machine import document, gpu, inventory
from ds_ec2_machine.distributions import python
from ds_ec2_machine.loader import read, sha, write
from ds_ec2_machine.platform import CACHE, ENVIRONMENT, ENVIRONMENTS, WORK, Platform
from ds_ec2_machine.recipes import Recipe, base
from ds_ec2_machine.stages import StageError
from ds_ec2_machine.uv import Uv

if TYPE_CHECKING:
    from ds_ec2_machine.document import Document
    from ds_ec2_machine.stages import Stage

_STAMP = "ds-ec2.json"
_BEFORE = f"{ENVIRONMENTS}/before"  # a link to the one that was in force before


@dataclass(frozen=True)
class Wanted:
    """An environment that is to be in force.

    Args:
        document: What the user wants.
        python: Like 3.12.
        folder: Where it is, or will be: the same document, Python and hardware have the same folder.
    """

    document: Document
    python: str
    folder: Path


def wanted(platform: Platform, wish: Document) -> Wanted:
    """Return the environment that a document means on this machine."""
    usual = platform.settings().get("python", "3.12")
    version = min(wish.pythons, key=lambda one: abs(_minor(one) - _minor(usual))) if wish.pythons else usual
    hardware = "nvidia" if gpu.present(platform) else "cpu"  # PyTorch has a build for each
    name = sha(f"{wish.value}\n{version}\n{hardware}".encode())[:16]
    return Wanted(wish, version, platform.file(f"{ENVIRONMENTS}/{name}"))


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def in_force(platform: Platform) -> Optional[Path]:
    """Return the folder of the environment in force, None before the first."""
    link = platform.file(ENVIRONMENT)
    return link.parent / link.readlink() if link.is_symlink() and link.exists() else None


def stamp(folder: Optional[Path]) -> Dict[str, Any]:
    """Return what a finished environment was made from, empty for one that is not finished."""
    return read(str(folder / _STAMP)) if folder else {}


def other_python(platform: Platform, current: Path, want: Wanted) -> str:
    """Return the version of Python that an environment would have, empty where it is that of the current one.

    A distribution without the wanted version gave another one the last time, and would again.
    """
    same = stamp(current).get("asked") == want.python or platform.seams.get("python")
    return "" if same else want.python


def variables(platform: Platform) -> Dict[str, str]:
    """Return what puts the environment in force for a process."""
    folder = platform.path(ENVIRONMENT)
    path = f"{folder}/bin:{platform.environment()['PATH']}"
    return {"PATH": path, "VIRTUAL_ENV": folder}


def prepare(stage: Stage) -> Uv:
    """Have an environment with JupyterLab in force: that of the last time, or the wanted one begun.

    Raises:
        StageError: uv's or pip's own words.
    """
    platform = stage.platform
    for own in ("/data", WORK, "/data/ds-ec2", CACHE, f"{CACHE}/uv", ENVIRONMENTS):
        platform.user_folder(own)
    _cache_on_data(platform)
    want = wanted(platform, document.wanted(platform))
    interpreter = python(stage, want.python)
    uv = Uv(stage, interpreter)
    _adopt(platform, want)
    folder = in_force(platform)
    if folder is None or not _works(stage, folder):
        conda = want.document.kind == document.CONDA  # its packages go into a folder without a venv
        folder = want.folder.with_name(f"{want.folder.name}-base") if conda else want.folder
        if not _works(stage, folder):
            # uv's own --clear leaves alone what is no environment, such as one that was removed by half.
            shutil.rmtree(folder, ignore_errors=True)
            uv.run(stage, "venv", "--python", interpreter, str(folder))
    if folder != want.folder or not _from_cache(stage, uv, want):
        uv.install(stage, f"{folder}/bin/python", *base(stage.platform))
    _put_in_force(platform, folder)
    _on_path(platform)
    return uv


def _from_cache(stage: Stage, uv: Uv, want: Wanted) -> bool:
    """Finish an environment that was begun, where uv's cache has all that it lacks; return whether it did.

    What needs no download is there before JupyterLab, which then starts once, with all of it.
    """
    if stamp(want.folder) or not uv.has_cache():
        return False
    try:
        files = document.unpack(stage, want.document)
        recipe = Recipe(stage, uv.offline(), want.document, files, want.python)
        recipe.install(f"{want.folder}/bin/python", {})
    except (StageError, OSError):
        stage.say("not all of it is in the cache: JupyterLab goes first")
        return False
    _finish(stage, want)
    return True


def install_packages(stage: Stage, uv: Uv, wish: Document) -> bool:
    """Have the environment of a document in force; return whether anything was done.

    The first one goes on in the place where JupyterLab is already; every later one is built beside.

    Raises:
        StageError: The resolver's own words; what was in force still is.
    """
    platform = stage.platform
    want = wanted(platform, wish)
    current = in_force(platform)
    if _finished(stage, want):
        if current == want.folder:
            stage.say("unchanged")
            return False
        stage.say("it was in force before, and still is here")
    else:
        recipe = Recipe(stage, uv, want.document, document.unpack(stage, wish), want.python)
        python_of_it = f"{want.folder}/bin/python"
        if current == want.folder:
            recipe.install(python_of_it, {})
        else:
            recipe.begin(python(stage, want.python), want.folder)
            recipe.install(python_of_it, inventory.packages(current) if current else {})
        _finish(stage, want)
    _put_in_force(platform, want.folder)
    _tidy(platform)
    return True


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


def _finished(stage: Stage, want: Wanted) -> bool:
    return bool(stamp(want.folder)) and _works(stage, want.folder)


def _finish(stage: Stage, want: Wanted) -> None:
    """Say in the environment itself what it was made from: without that it is not finished."""
    ask = ["-c", "import platform; print(platform.python_version())"]
    told = {
        "kind": want.document.kind,
        "sha256": want.document.sha256,
        "document": want.document.value,
        "python": stage.run([f"{want.folder}/bin/python", *ask], as_user=True).strip(),
        "asked": want.python,
        "applied_at": time.time(),
    }
    write(str(want.folder / _STAMP), json.dumps(told).encode())


def _works(stage: Stage, folder: Path) -> bool:
    """Return whether an environment's interpreter runs: that of another image may be gone."""
    own = folder / "bin/python"
    try:
        return own.exists() and bool(stage.run([str(own), "-c", "print(1)"], as_user=True))
    except StageError:
        return False


def _adopt(platform: Platform, want: Wanted) -> None:
    """Take in what an earlier ds-ec2 made, whose one environment was a folder where the link is now."""
    old = platform.file(ENVIRONMENT)
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(want.folder, ignore_errors=True)
        old.rename(want.folder)
        _put_in_force(platform, want.folder)


def _put_in_force(platform: Platform, folder: Path) -> None:
    """Let the link lead to a folder, in one rename; remember the one before."""
    current = in_force(platform)
    if current == folder:
        return
    if current:
        _link(platform.file(_BEFORE), current)
    _link(platform.file(ENVIRONMENT), folder)


def _link(link: Path, folder: Path) -> None:
    new = link.with_name(f"{link.name}.new")
    if os.path.lexists(new):
        new.unlink()
    new.symlink_to(os.path.relpath(folder, link.parent))
    new.replace(link)


def _tidy(platform: Platform) -> None:
    """Remove environments that are neither in force, nor the one before, nor in use by a process."""
    root = platform.file(ENVIRONMENTS)
    before = platform.file(_BEFORE)
    kept = {in_force(platform), root / before.readlink() if before.is_symlink() else None}
    for folder in root.iterdir():
        ours = not folder.name.startswith(".") and not folder.is_symlink()
        if ours and folder not in kept and not _in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    """Return whether a process was started from a folder."""
    mark = f"{folder.parent.name}/{folder.name}/".encode()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in file.read_bytes():
                return True
        except OSError:
            continue  # it has ended
    return False


def _cache_on_data(platform: Platform) -> None:
    """Have `~/.cache` (uv, pip, models) on the data volume, unless the user has one already."""
    link = Path(platform.account.home) / ".cache"
    if link.parent.is_dir() and not os.path.lexists(link):
        link.symlink_to(platform.path(CACHE))


def _on_path(platform: Platform) -> None:
    """Put `python` and `jupyter-lab` on the PATH of login shells, and of ssh's commands, which have none."""
    folder = platform.path(ENVIRONMENT)
    text = f'export PATH="{folder}/bin:$PATH" VIRTUAL_ENV="{folder}"\n'
    write(platform.path("/etc/profile.d/ds-ec2.sh"), text.encode())
    for name in ("jupyter", "jupyter-lab", "python", "pip"):
        path = platform.file(f"/usr/local/bin/{name}")
        # Not a link: Python finds its environment by the path that it is started from.
        script = f'#!/bin/sh\n# ds-ec2\nexec "{folder}/bin/{name}" "$@"\n'
        ours = path.is_symlink() or (path.exists() and "# ds-ec2" in path.read_text(errors="replace"))
        if ours or not os.path.lexists(path):
            write(str(path), script.encode(), 0o755)
