"""The CDK command line from npm, pointed at an embedded AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
ENVIRONMENT = "aws://123456789012/us-east-1"
"""The embedded AWS's account, as `cdk bootstrap` takes it."""


def node() -> str | None:
    beside = Path(sys.executable).with_name("node")
    return str(beside) if beside.exists() else shutil.which("node")


@dataclass(frozen=True)
class CdkCli:
    """`cdk` in a folder, for somebody with keys of the embedded AWS."""

    folder: Path
    endpoint_url: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def __call__(self, *words: str, ok: bool = True, timeout_s: float = 240, **environment: str) -> str:
        """Run a command to its end and return all that it said; `ok` demands exit status 0."""
        program = node()
        if not PROGRAM.exists() or program is None:
            pytest.skip("npm ci has not been run")
        ours = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "AKIALOCALANA00000000",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "HOME": str(self.folder),
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            [program, str(PROGRAM), *words],
            env={**self.environment, **ours, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, f"cdk {' '.join(words)}\n{said}"
        return said
