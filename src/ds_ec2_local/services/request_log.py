"""The log of all requests: JSON lines in the state directory."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class RequestLog:
    """Appends one line a request; lines of one server only.

    Args:
        path: The file; an older one is emptied.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        """Append `line`."""
        text = json.dumps(line, default=str) + "\n"
        with self._lock:
            if not self._file.closed:
                self._file.write(text)
                self._file.flush()

    def read(self) -> bytes:
        """Return everything written so far."""
        return self.path.read_bytes()

    def close(self) -> None:
        """Stop writing: later lines are dropped."""
        with self._lock:
            self._file.close()
