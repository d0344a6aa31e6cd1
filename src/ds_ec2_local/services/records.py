"""Instances that are records only: nothing runs in them.

For NAT instances, whose only work is to be there, and for a server without sandboxes (`--instances records`).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class RecordedSandboxes:
    """Does what `instances.Sandboxes` does, without processes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, str] = {}

    def start(self, spec: Any) -> None:
        """Note that it runs."""
        with self._lock:
            self._states[spec.instance_id] = "running"

    def stop(self, instance_id: str) -> None:
        """Note that it stopped."""
        with self._lock:
            self._states[instance_id] = "stopped"

    def terminate(self, instance_id: str) -> None:
        """Forget it."""
        with self._lock:
            self._states.pop(instance_id, None)

    def state(self, instance_id: str) -> str:
        """Return `running`, `stopped` or `terminated`."""
        with self._lock:
            return self._states.get(instance_id, "terminated")

    def guest_socket(self, instance_id: str) -> Path:
        """Return a path where nobody listens."""
        return Path("/nonexistent") / instance_id

    def set_way_out(self, instance_id: str, open: bool) -> None:  # noqa: A002, FBT001 - the sandboxes' own signature
        """Do nothing: nothing runs that could go out."""

    def attach(self, instance_id: str, volume_id: str, path: Path) -> None:
        """Do nothing: nothing runs that could see a volume."""

    def detach(self, instance_id: str, volume_id: str) -> None:
        """Do nothing, as above."""

    def set_tags(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Do nothing: there is no metadata service."""

    def set_spot_action(self, instance_id: str, action: str | None, time: str = "") -> None:
        """Do nothing, as above."""

    def console_output(self, instance_id: str) -> bytes:
        """Return nothing: there is no console."""
        del instance_id
        return b""

    def close(self) -> None:
        """Forget all."""
        with self._lock:
            self._states.clear()
