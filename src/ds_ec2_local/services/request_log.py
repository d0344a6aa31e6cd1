"""The log of all requests: JSON lines in the state directory."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class RequestLog:
    """Appends one line a request; lines of one server only. A full disk costs lines, never a request.

    Args:
        path: The file; an older one is emptied.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("wb", buffering=0)

    def write(self, line: dict[str, Any]) -> None:
        """Append `line`."""
        text = json.dumps(line, default=str).encode() + b"\n"
        with self._lock, suppress(OSError):
            if self._file.closed:
                return
            begin = self._file.tell()
            if self._file.write(text) != len(text):
                self._file.truncate(begin)  # no half a line: the rest did not fit
                self._file.seek(begin)

    def read(self) -> bytes:
        """Return everything written so far."""
        return self.path.read_bytes()

    def close(self) -> None:
        """Stop writing: later lines are dropped."""
        with self._lock:
            self._file.close()
