"""From nothing to JupyterLab."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from benchmarks.start_up import BIN

if TYPE_CHECKING:
    from pathlib import Path


def seconds(environment: dict[str, str], folder: Path) -> float:
    """Return the seconds from `up` to JupyterLab answering, the network included, with no packages."""
    packages = folder / "requirements.txt"
    packages.write_text("# none\n")
    command = [str(BIN / "ds-ec2"), "--local", "up", "bench", "--packages", str(packages), "--yes"]
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.monotonic() - began
