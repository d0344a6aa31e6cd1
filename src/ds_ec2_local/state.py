"""The state directory of a server: who owns it, where it answers, what an earlier one left."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT_FILE: Final = "endpoint.json"
LOCK_FILE: Final = "lock"
LOG_FILE: Final = "requests.jsonl"
_OF_ONE_SERVER: Final = ("instances", "volumes", "snapshots", "functions")
"""Folders that mean nothing without the process that made them."""
_ASIDE: Final = "old-"


class StateInUseError(Exception):
    """Another server runs on this directory."""


class StateDirectory:
    """Owns a directory as long as it is open.

    Args:
        path: The directory; made if needed.

    Raises:
        StateInUseError: Another server runs on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(self.path / LOCK_FILE)
        self._endpoint = self.path / ENDPOINT_FILE
        self.stale = read_endpoint(self.path)
        """What a server that was killed said about itself, or None."""
        self._endpoint.unlink(missing_ok=True)

    def clean(self) -> None:
        """Put away what an earlier server left: its records are gone, so nothing here can be used.

        Gigabytes of files take their time: they go in the background, and nobody waits for them.
        """
        left = [self.path / name for name in _OF_ONE_SERVER if (self.path / name).exists()]
        if left:
            aside = self.path / f"{_ASIDE}{time.time_ns()}"
            aside.mkdir(mode=0o700)
            for folder in left:
                folder.rename(aside / folder.name)
        threading.Thread(target=self._remove_aside, name="clean", daemon=True).start()

    def _remove_aside(self) -> None:
        for aside in self.path.glob(f"{_ASIDE}*"):
            shutil.rmtree(aside, ignore_errors=True)

    def announce(self, endpoint: dict[str, Any]) -> None:
        """Write where the server answers, in one rename."""
        draft = self._endpoint.with_suffix(".new")
        try:
            draft.write_text(json.dumps(endpoint, indent=1), encoding="utf-8")
            draft.replace(self._endpoint)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Say that nobody answers any more."""
        self._endpoint.unlink(missing_ok=True)
        self._lock.close()


def read_endpoint(path: Path) -> dict[str, Any] | None:
    """Return what the server of `path` wrote, or None."""
    try:
        found = json.loads((path / ENDPOINT_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _lock(path: Path) -> IO[str]:
    """Return an open file that holds the lock; the kernel lets go of it when the process ends.

    Raises:
        StateInUseError: Another process holds it.
    """
    file = path.open("a+", encoding="utf-8")
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StateInUseError(f"another server runs on {path.parent}") from error
    return file
