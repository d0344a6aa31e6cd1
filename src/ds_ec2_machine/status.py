"""What the machine says of itself: a local file, and the stack's status parameter."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any, Dict, List

from ds_ec2_machine.loader import read, write
from ds_ec2_machine.platform import STATE, Platform

LIMIT_BYTES = 4000
ERROR_CHARACTERS = 1000
STATUS_FILE = f"{STATE}/status.json"
IDLE_FILE = f"{STATE}/idle.json"
STOPPED_FILE = f"{STATE}/stopped.json"


def document(platform: Platform) -> Dict[str, Any]:
    """Return the status document, fresh."""
    stages = read(platform.path(STATUS_FILE))
    more = {"idle": read(platform.path(IDLE_FILE)), "stopped": read(platform.path(STOPPED_FILE))}
    return {"boot": "", "stages": [], **stages, **more}


def stopping(platform: Platform, why: str, interrupted: bool = False) -> None:  # noqa: FBT001, FBT002 - a member of the document
    """Note why this machine stops, for whoever asks when it has stopped; `interrupted` is EC2's doing."""
    noted = {"why": why, "at": time.time(), **({"interrupted": True} if interrupted else {})}
    write(platform.path(STOPPED_FILE), json.dumps(noted).encode())


def packed(status: Dict[str, Any]) -> str:
    """Return the document as JSON of at most 4,000 bytes: long errors lose their beginnings first."""
    text = json.dumps(status, separators=(",", ":"))
    keep = ERROR_CHARACTERS
    while len(text.encode()) > LIMIT_BYTES and keep:
        keep //= 2
        stages = [{**one, "error": one["error"][len(one["error"]) - keep :]} for one in status["stages"]]
        text = json.dumps({**status, "stages": stages, "idle": {}}, separators=(",", ":"))
    return text


def push(platform: Platform) -> None:
    """Write the status parameter.

    Raises:
        OSError: AWS did not answer, or refused.
    """
    body = {"Name": platform.leaf("status"), "Type": "String", "Overwrite": True}
    platform.ssm("PutParameter", {**body, "Value": packed(document(platform))})


class Report:
    """The stages of one boot, kept in the local file as they go."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._boot = uuid.uuid4().hex
        self._stages: List[Dict[str, Any]] = []
        self._save()

    def begin(self, name: str) -> None:
        """Note that a stage runs."""
        self._stages.append({"name": name, "state": "running", "started_at": time.time(), "error": ""})
        self._save()

    def end(self, seconds: float, error: str = "") -> None:
        """Note that the running stage ended; with an error, that it failed."""
        last = self._stages[-1]
        last.update(state="failed" if error else "done", seconds=round(seconds, 3))
        last["error"] = error[-ERROR_CHARACTERS:]
        self._save()

    def _save(self) -> None:
        text = json.dumps({"boot": self._boot, "stages": self._stages})
        write(self._platform.path(STATUS_FILE), text.encode())
