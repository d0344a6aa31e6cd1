"""The content of EBS volumes and snapshots: directories."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class VolumeStore:
    """Keeps `<state>/volumes/vol-...` and `<state>/snapshots/snap-...`.

    Args:
        state: The server's directory.
    """

    def __init__(self, state: Path) -> None:
        self._volumes = state / "volumes"
        self._snapshots = state / "snapshots"

    def directory(self, volume_id: str) -> Path:
        """Return a volume's directory, made if needed."""
        path = self._volumes / volume_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fill(self, volume_id: str, snapshot_id: str) -> None:
        """Give a new volume the content of a snapshot; one without content leaves it empty."""
        source = self._snapshots / snapshot_id
        if source.is_dir():
            _copy(source, self.directory(volume_id))

    def snapshot(self, volume_id: str, snapshot_id: str) -> None:
        """Keep a volume's content as it is now."""
        source = self._volumes / volume_id
        if source.is_dir():
            target = self._snapshots / snapshot_id
            target.mkdir(parents=True, exist_ok=True)
            _copy(source, target)

    def delete(self, volume_id: str) -> None:
        """Remove a volume's content."""
        shutil.rmtree(self._volumes / volume_id, ignore_errors=True)

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot's content."""
        shutil.rmtree(self._snapshots / snapshot_id, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a directory's content with its owners, times and links."""
    subprocess.run(["cp", "-a", f"{source}/.", f"{target}/"], check=True, capture_output=True)
