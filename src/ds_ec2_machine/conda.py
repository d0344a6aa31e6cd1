"""environment.yml: solved and installed by rattler, in a small tool environment of its own, made on demand.

Source: https://pypi.org/project/py-rattler/
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

from ds_ec2_machine.loader import write
from ds_ec2_machine.platform import APPLICATION, CACHE

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage
    from ds_ec2_machine.uv import Uv

TOOLS = {
    "py-rattler==0.28.0": (
        "4f4ab1d34d5394e7ce130a86e59009c95ace4f5757d9c3af04de1351bcea47eb",  # Linux, x86_64
        "61b24202374188e72130f1b3dc63b455befaafc3e49e5481a38b6a6c8828c1e0",  # Linux, aarch64
        "d26db63e41e6efaff75c3d89040b2c78b4887be8e782dff281fb426835308b2b",  # macOS, arm64
        "6a0312ba34d4e709fe5f20df6de617b9a4cd1e9293f2c8eaad2fb9c699a26746",  # macOS, x86_64
    ),
    "ruamel.yaml==0.19.1": ("27592957fedf6e0b62f281e96effd28043345e0e66001f97683aa9a40c667c93",),
}
"""Requirements with the SHA-256 of their wheels; neither needs another package for what is used of it."""
_FOLDER = "/data/ds-ec2/conda"


class Conda:
    """rattler on this machine.

    Args:
        stage: Whose log and budget.
        uv: uv.
        interpreter: For the tool environment.
        version: Of Python, where a file names none.
    """

    def __init__(self, stage: Stage, uv: Uv, interpreter: str, version: str) -> None:
        self._stage = stage
        self._python = _tools(stage, uv, interpreter)
        self._version = version

    def solve(self, file: Path) -> Dict[str, Any]:
        """Return what an environment.yml comes to: `{"packages": {name: version}, "pip": [requirement]}`.

        Raises:
            StageError: The solver's own words.
        """
        return self._run("solve", str(file))

    def install(self, file: Path, prefix: Path) -> Dict[str, Any]:
        """Install an environment.yml's packages into an empty folder; return what `solve` does.

        Raises:
            StageError: The solver's or installer's own words.
        """
        return self._run("install", str(file), str(prefix))

    def _run(self, *arguments: str) -> Dict[str, Any]:
        platform = self._stage.platform
        code = (
            f"import sys; sys.path.insert(0, {_application(platform.path(APPLICATION))!r});"
            " from ds_ec2_machine.conda_tool import main; main(sys.argv[1:])"
        )
        cache = str(platform.user_folder(f"{CACHE}/conda"))
        output = self._stage.run([self._python, "-c", code, cache, self._version, *arguments], as_user=True)
        return dict(json.loads(output.strip().splitlines()[-1]))


def locked(records: List[Dict[str, Any]], pins: str) -> str:
    """Return an environment.yml of exactly what is installed.

    Its format has no place for hashes of conda's packages: they stand in comments.

    Args:
        records: Of conda's packages, as in conda-meta.
        pins: What uv locked of the others.
    """
    channels = dict.fromkeys(str(one["channel"]) for one in records)
    lines = ["channels:", *(f"  - {json.dumps(one)}" for one in channels), "dependencies:"]
    lines += [
        f"  - {one['name']}={one['version']}={one['build']}  # sha256:{one.get('sha256', '')}"
        for one in records
    ]
    others = [" ".join(one.split()) for one in pins.replace("\\\n", " ").splitlines()]
    lines += ["  - pip:", *(f"    - {json.dumps(one)}" for one in others)] if others else []
    return "\n".join(lines) + "\n"


def _application(deployed: str) -> str:
    """Return where this very code lies: the zip application, or the folder of its sources."""
    here = Path(__file__).parents[1]
    return deployed if here == Path(deployed) else str(here)


def _tools(stage: Stage, uv: Uv, interpreter: str) -> str:
    """Return the interpreter of the tool environment, made where it is missing or of another version."""
    folder = stage.platform.path(_FOLDER)
    text = "".join(
        f"{requirement} {' '.join(f'--hash=sha256:{one}' for one in hashes)}\n"
        for requirement, hashes in TOOLS.items()
    )
    mark = Path(folder, "tools.txt")
    if not mark.exists() or mark.read_text() != text:
        stage.say("getting rattler")
        shutil.rmtree(folder, ignore_errors=True)
        uv.run(stage, "venv", "--python", interpreter, folder)
        listed = f"{folder}/tools.txt.new"
        write(listed, text.encode())
        install = ["pip", "install", "--python", f"{folder}/bin/python", "--no-deps", "--require-hashes"]
        uv.run(stage, *install, "--only-binary=:all:", "-r", listed)
        Path(listed).replace(mark)
    return f"{folder}/bin/python"
