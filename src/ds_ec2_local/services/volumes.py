"""The content of EBS volumes and snapshots: directories, or a file in them that is a disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class VolumeStore:
    """Keeps `<state>/volumes/vol-...` and `<state>/snapshots/snap-...`.

    Args:
        state: The server's directory.
        disks: Whether a volume is a disk of its size, for instances that boot: the file `disk`.
    """

    def __init__(self, state: Path, *, disks: bool = False) -> None:
        self._disks = disks
        self._volumes = state / "volumes"
        self._snapshots = state / "snapshots"

    def directory(self, volume_id: str) -> Path:
        """Return a volume's directory, made if needed."""
        path = self._volumes / volume_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def resize(self, volume_id: str, gib: int) -> None:
        """Give a volume its size; a running instance sees a new one when it starts again."""
        if self._disks:
            disk = self.directory(volume_id) / "disk"
            disk.touch(0o600)
            os.truncate(disk, gib << 30)

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
