"""uv: got by pip, pinned, kept on the data volume; then everything Python goes through it, as the user."""

from __future__ import annotations

import copy
import io
import os
import platform
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Dict

from ds_ec2_machine import index
from ds_ec2_machine.loader import sha, write
from ds_ec2_machine.platform import CACHE
from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage

VERSION = "0.13.9"
HASHES = (
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",  # Linux, x86_64
    "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",  # Linux, aarch64
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",  # macOS, arm64
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",  # macOS, x86_64
)
"""SHA-256 of the wheels of `VERSION`, as in requirements/uv.txt."""

# The wheel of pip that `python -m venv` would install. Run as it lies, pip is there seconds sooner than by a
# virtual environment, and needs none of the distribution's own.
# Source: https://docs.python.org/3/library/ensurepip.html, and its code for the two folders
_PIP_WHEEL = """\
import ensurepip, os, sysconfig
name = f"pip-{ensurepip.version()}-py3-none-any.whl"
own = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
folders = filter(None, (sysconfig.get_config_var("WHEEL_PKG_DIR"), own))
paths = [os.path.join(folder, name) for folder in folders]
print(next(filter(os.path.exists, paths), ""))
"""


class Uv:
    """uv on this machine, with the index that the machine is configured for."""

    def __init__(self, stage: Stage, python: str) -> None:
        self._program = stage.platform.path("/opt/ds-ec2/uv/bin/uv")
        self._install(stage, python)
        kept = stage.platform.environment()
        configured = index.translated(index.settings(kept))
        self.variables: Dict[str, str] = {
            "UV_CACHE_DIR": stage.platform.path(f"{CACHE}/uv"),
            "UV_PYTHON_DOWNLOADS": "never",  # they do not come from the package index
            "UV_SYSTEM_CERTS": "1",
            **configured,
        }
        if not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"} & {*configured, *kept}:
            # PyTorch's own index for this GPU or for the CPU; asked only when a PyTorch package is wanted.
            self.variables["UV_TORCH_BACKEND"] = "auto"
        self.variables = {key: kept.get(key, value) for key, value in self.variables.items()}

    def _install(self, stage: Stage, python: str) -> None:
        try:
            if stage.run([self._program, "--version"]).split()[1] == VERSION:
                return
        except (StageError, IndexError):
            stage.say(f"installing uv {VERSION}")
        # A volume may come to a machine of another kind.
        kept = stage.platform.file(f"{CACHE}/uv-{VERSION}-{platform.machine()}.whl")
        data = kept.read_bytes() if kept.exists() else b""
        if sha(data) not in HASHES:
            data = _downloaded(stage, python)
            for old in kept.parent.glob("uv-*.whl"):
                old.unlink()
            write(str(kept), data)
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            write(self._program, wheel.read(f"uv-{VERSION}.data/scripts/uv"), 0o755)

    def offline(self) -> Uv:
        """Return a uv that takes everything from its cache."""
        other = copy.copy(self)
        other.variables = {**self.variables, "UV_OFFLINE": "1"}
        return other

    def has_cache(self) -> bool:
        """Return whether it ever kept a package."""
        return any(Path(self.variables["UV_CACHE_DIR"]).glob("archive-v*/*"))

    def run(self, stage: Stage, *arguments: str) -> str:
        """Run uv as the user, on a stage's log and budget.

        Raises:
            StageError: It failed, with its own words.
        """
        quiet = {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
        return stage.run([self._program, *arguments], {**self.variables, **quiet}, as_user=True)

    def install(self, stage: Stage, python: str, *requirements: str) -> None:
        """Install into an environment; what is there already and fits stays as it is.

        Raises:
            StageError: As for `run`.
        """
        self.run(stage, "pip", "install", "--python", python, *requirements)


def _downloaded(stage: Stage, python: str) -> bytes:
    """Return the wheel of uv for this machine, by pip: the index is whatever the machine is configured for.

    Raises:
        StageError: pip's own words.
    """
    with tempfile.TemporaryDirectory() as folder:
        requirement = f"{folder}/uv.txt"
        hashes = " ".join(f"--hash=sha256:{one}" for one in HASHES)
        write(requirement, f"uv=={VERSION} {hashes}\n".encode())
        wheel = stage.run([python, "-c", _PIP_WHEEL]).splitlines()[-1]
        if wheel:
            zipfile.ZipFile(wheel).extractall(f"{folder}/pip")
        pip = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", folder]
        pip += ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirement]
        stage.run(pip, {**os.environ, "PYTHONPATH": f"{folder}/pip"})
        [found] = Path(folder).glob("uv-*.whl")
        return found.read_bytes()
