"""Bringing an environment into force: one at a time, in a process that no lost connection ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Dict, Iterator

from ds_ec2_machine import document, environment, jupyter
from ds_ec2_machine.loader import read, write
from ds_ec2_machine.platform import APPLICATION, PACKAGES, STATE, Platform
from ds_ec2_machine.stages import Stage, StageError
from ds_ec2_machine.status import ERROR_CHARACTERS

if TYPE_CHECKING:
    from ds_ec2_machine.document import Document
    from ds_ec2_machine.uv import Uv

NAME = "apply"
_BUDGET_S = 3600.0
_LOCK = f"{STATE}/environment.lock"
_STATE = f"{STATE}/environment.json"
_REQUEST = f"{STATE}/apply.txt"


def state(platform: Platform) -> Dict[str, Any]:
    """Return how the last apply went: `state` (running, done, failed), `sha256`, `began`, `seconds`, `error`.

    Empty before the first. One whose process ended without a word has failed.
    """
    told = read(platform.path(_STATE))
    if told.get("state") == "running" and not _locked(platform):
        again = read(platform.path(_STATE))  # it may have ended between the two looks
        if again == told:
            return {**told, "state": "failed", "error": "it was interrupted: apply it again"}
        return again
    return told


@contextlib.contextmanager
def alone(stage: Stage) -> Iterator[None]:
    """Hold the environment for oneself, after waiting for whoever has it.

    Raises:
        StageError: The stage's budget is spent.
    """
    path = stage.platform.file(_LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        stage.wait("another apply", lambda: _taken(lock.fileno()), 0.5)
        stage.held = (lock.fileno(),)
        try:
            yield
        finally:
            stage.held = ()


def bring(stage: Stage, uv: Uv, wish: Document) -> None:
    """Have a document's environment in force and JupyterLab in it, and say how it went.

    Whoever calls holds the lock.

    Raises:
        StageError: The resolver's own words; what was in force still is.
        OSError: The disk is full, or the document cannot be fetched.
    """
    before = jupyter.extensions(stage.platform)
    with _told(stage, wish):
        environment.install_packages(stage, uv, wish)
        try:
            jupyter.follow(stage, uv, before)
        except (StageError, OSError) as error:
            stage.say(f"JupyterLab: {error}")


@contextlib.contextmanager
def _told(stage: Stage, wish: Document) -> Iterator[None]:
    """Keep the state of an apply on record while it runs, and how it ended."""
    size = stage.log.stat().st_size if stage.log.exists() else 0
    told: Dict[str, Any] = {"sha256": wish.sha256, "began": time.time(), "log": stage.name, "from": size}
    _tell(stage.platform, {**told, "state": "running"})
    end: Dict[str, Any] = {"state": "failed", "error": "it was interrupted: apply it again"}
    try:
        yield
        end = {"state": "done", "error": ""}
    except (StageError, OSError, KeyError, ValueError) as error:
        end["error"] = (str(error) or repr(error))[-ERROR_CHARACTERS:]
        stage.say(f"failed: {end['error']}")
        raise
    finally:
        _tell(stage.platform, {**told, **end, "seconds": round(time.time() - told["began"], 3)})


def settled(platform: Platform, wish: Document) -> bool:
    """Return whether a document's environment is in force already; that is put on record as an apply."""
    want = environment.wanted(platform, wish)
    if not environment.stamp(want.folder) or environment.in_force(platform) != want.folder:
        return False
    told = {"state": "done", "sha256": wish.sha256, "began": time.time(), "seconds": 0.0, "error": ""}
    _tell(platform, {**told, "log": NAME, "from": 0})
    return True


def begin(platform: Platform, value: str) -> None:
    """Start an apply as a process of its own.

    Args:
        platform: This machine.
        value: Text as in the parameter `packages`.
    """
    write(platform.path(_REQUEST), value.encode())
    command = [sys.executable, platform.path(APPLICATION), NAME]
    if platform.systemd:
        # Out of the control road's unit: restarting that must not end it. What it leaves compiles on.
        # A name of its own each time: what the last one left still compiling keeps that one's name taken.
        name = f"--unit=ds-ec2-apply-{time.time():.0f}"
        unit = ["systemd-run", "--quiet", "--collect", name, "--property=KillMode=process"]
        unit += [f"--setenv={key}={value}" for key, value in platform.kept().items()]
        done = subprocess.run([*unit, *command], check=False, timeout=30, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"systemd-run: {done.stderr.strip()}")
        return
    quiet = subprocess.DEVNULL
    subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd="/")


def main(platform: Platform) -> None:
    """Bring the document of `begin` into force; exit with 1 when that failed."""
    wish = document.parse(platform.file(_REQUEST).read_text())
    stage = Stage(platform, NAME, _BUDGET_S)
    try:
        with alone(stage):
            bring(stage, environment.prepare(stage), wish)
    except (StageError, OSError, KeyError, ValueError):
        sys.exit(1)
    # What the next boot finds, should it have no way out.
    write(platform.path(PACKAGES), (wish.value + "\n").encode())
    environment.compile_later(platform)


def _tell(platform: Platform, told: Dict[str, Any]) -> None:
    write(platform.path(_STATE), json.dumps(told).encode())


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(platform: Platform) -> bool:
    path = platform.file(_LOCK)
    if not path.exists():
        return False
    with path.open("a") as lock:
        return not _taken(lock.fileno())
