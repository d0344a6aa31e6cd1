"""The control road's verbs about the environment: what is in force, what would change, apply, lock."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator

from ds_ec2_machine import apply, document, environment, inventory
from ds_ec2_machine.platform import LOGS, PACKAGES
from ds_ec2_machine.recipes import Recipe
from ds_ec2_machine.refused import RefusedError
from ds_ec2_machine.stages import Stage, StageError
from ds_ec2_machine.uv import Uv

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ec2_machine.document import Document
    from ds_ec2_machine.platform import Platform

_PLAN_S = 600.0
_BEGIN_S = 30.0
_LOOK_S = 0.1
_TICK_S = 10.0  # whoever waits hears that often that it goes on
_solving = threading.Lock()


def shown(platform: Platform, _request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer `environment`."""
    current = environment.in_force(platform)
    told = environment.stamp(current)
    wish = platform.file(PACKAGES)
    return {
        "finished": bool(told),
        "kind": told.get("kind", ""),
        "sha256": told.get("sha256", ""),
        "document": told.get("document", ""),
        "wanted": wish.read_text().strip() if wish.exists() else "",
        "python": told.get("python", ""),
        "applied_at": told.get("applied_at"),
        "packages": inventory.packages(current) if current else {},
        "apply": apply.state(platform),
    }


def planned(platform: Platform, request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer `environment-plan`."""
    current = _in_force(platform)
    wish = _document(platform, request)
    want = environment.wanted(platform, wish)
    before = inventory.packages(current)
    told = environment.stamp(current)
    finished = bool(environment.stamp(want.folder))
    other = environment.other_python(platform, current, want)
    with _solving:
        stage = Stage(platform, "plan", _PLAN_S)
        try:
            if finished:
                after = inventory.packages(want.folder)
            else:
                interpreter = f"{current}/bin/python"
                files = document.unpack(stage, wish)
                recipe = Recipe(stage, Uv(stage, interpreter), wish, files, want.python)
                after = recipe.outcome(interpreter, before, other)
        except (StageError, OSError) as error:
            raise RefusedError(str(error), "nothing was changed") from error
    found = inventory.difference(before, after)
    same = finished and current == want.folder
    python = told.get("python", "")
    return {**found, "python": [python, other or python], "same": same, "kept": finished}


def applied(platform: Platform, request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """Answer `environment-apply`: begin it, or follow the one that runs."""
    wish = _document(platform, request)
    before = inventory.packages(_in_force(platform))
    told = apply.state(platform)
    running = told.get("state") == "running"
    if running and told["sha256"] != wish.sha256:
        if told["log"] == apply.NAME:
            raise RefusedError("another environment is being applied", "wait until it is done")
        yield {"line": "first the packages of the bootstrap:"}
        yield from _followed(platform, told)
        running = False
    if running or not apply.settled(platform, wish):
        if not running:
            asked = time.time()
            apply.begin(platform, wish.value)
            told = _begun(platform, asked)
        yield from _followed(platform, told)
    last = apply.state(platform)
    if last.get("state") != "done":
        raise RefusedError(str(last.get("error", "")), "what was in force still is")
    after = inventory.packages(_in_force(platform))
    yield {"ok": True, "result": {**inventory.difference(before, after), "seconds": last.get("seconds")}}


def locked(platform: Platform, _request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """Answer `environment-lock`: the lines of a document of exactly what is in force."""
    current = _in_force(platform)
    with _solving:
        stage = Stage(platform, "lock", _PLAN_S)
        try:
            text = Recipe.locked(stage, Uv(stage, f"{current}/bin/python"), current)
        except (StageError, OSError) as error:
            raise RefusedError(str(error), "nothing was changed") from error
    yield from ({"line": line} for line in text.splitlines())
    yield {"ok": True, "result": {"python": environment.stamp(current).get("python", "")}}


VERBS: Dict[str, Callable[[Platform, Dict[str, Any]], Dict[str, Any]]] = {
    "environment": shown,
    "environment-plan": planned,
}
STREAMS: Dict[str, Callable[[Platform, Dict[str, Any]], Iterator[Dict[str, Any]]]] = {
    "environment-apply": applied,
    "environment-lock": locked,
}


def _in_force(platform: Platform) -> Path:
    current = environment.in_force(platform)
    if current is None:
        raise RefusedError("there is no environment yet", "ask for the status: stage jupyter")
    return current


def _document(platform: Platform, request: Dict[str, Any]) -> Document:
    """Return the document of a request; without one, what the stack wanted when it was last read."""
    try:
        value = request.get("document")
        return document.wanted(platform) if value is None else document.parse(str(value))
    except StageError as error:
        raise RefusedError(str(error)) from error


def _begun(platform: Platform, asked: float) -> Dict[str, Any]:
    """Return the first word of an apply that was asked for at a moment."""
    until = time.monotonic() + _BEGIN_S
    while time.monotonic() < until:
        told = apply.state(platform)
        if told.get("began", 0.0) >= asked:
            return told
        time.sleep(_LOOK_S)
    raise RefusedError("the apply did not begin", f"its log is {platform.path(LOGS)}/{apply.NAME}.log")


def _followed(platform: Platform, told: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """Yield the lines of an apply's log until it has ended."""
    log = platform.file(f"{LOGS}/{told['log']}.log")
    heard = time.monotonic()
    with log.open(encoding="utf-8", errors="replace") as lines:
        lines.seek(told["from"])
        while True:
            running = apply.state(platform).get("state") == "running"
            text = lines.read()  # once more after its end
            for line in text.splitlines():
                heard = time.monotonic()
                yield {"line": line}
            if not running:
                return
            if time.monotonic() - heard > _TICK_S:
                heard = time.monotonic()
                yield {"tick": round(time.time() - told["began"], 1)}
            time.sleep(_LOOK_S)
