"""How each kind of document becomes packages: the commands of uv."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Dict, Iterable, List, Tuple

from ds_ec2_machine import conda, gpu, inventory
from ds_ec2_machine.conda import Conda
from ds_ec2_machine.document import CONDA, PYPROJECT, REQUIREMENTS, Document
from ds_ec2_machine.inventory import normal
from ds_ec2_machine.platform import ENVIRONMENTS

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ec2_machine.platform import Platform
    from ds_ec2_machine.stages import Stage
    from ds_ec2_machine.uv import Uv

BASE = ("jupyterlab", "pip")
"""JupyterLab, with the kernel that it brings; pip for `%pip install` in notebooks."""
DASHBOARD = "jupyterlab-nvdashboard"
"""NVIDIA's own extension: load and memory of the GPUs in JupyterLab's side bar."""
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:==|\s*@\s*)(\S+)")
_BESIDE = re.compile(r"^(-r|-c|--requirement|--constraint)[\s=]+(?=[^/])")
_INCLUDED = re.compile(r"(?:-r|--requirement)[\s=]*(\S+)")


def base(platform: Platform) -> Tuple[str, ...]:
    """Return what every environment has besides the user's packages."""
    return (*BASE, DASHBOARD) if gpu.present(platform) else BASE


class Recipe:
    """One document, on its way into one environment.

    Args:
        stage: Whose log and budget.
        uv: uv.
        document: What is wanted.
        files: The folder of its files.
        version: Of Python, like 3.12.
    """

    def __init__(self, stage: Stage, uv: Uv, document: Document, files: Path, version: str) -> None:
        self._stage = stage
        self._uv = uv
        self._document = document
        self._files = files
        self._version = version
        self._main = files / document.main
        # What is worked out on the way; uv writes there as the user.
        self._scratch = stage.platform.user_folder(f"{ENVIRONMENTS}/.{stage.name}")
        self._base = self._scratch / "base.txt"
        self._always = base(stage.platform)
        self._base.write_text("\n".join(self._always) + "\n")
        self._pip_part: List[str] = []

    def begin(self, interpreter: str, folder: Path) -> None:
        """Make an environment with nothing of Python's packages in it.

        Raises:
            StageError: uv's or the solver's own words.
        """
        shutil.rmtree(folder, ignore_errors=True)
        if self._document.kind == CONDA:
            tool = Conda(self._stage, self._uv, interpreter, self._version)
            self._pip_part = tool.install(self._main, folder)["pip"]
        else:
            self._uv.run(self._stage, "venv", "--python", interpreter, str(folder))

    def install(self, python: str, prefer: Dict[str, str]) -> None:
        """Install into the environment of an interpreter.

        Args:
            python: The environment's own interpreter.
            prefer: Versions to stay with where the document leaves a choice.

        Raises:
            StageError: The resolver's own words.
        """
        if self._document.kind == CONDA:
            self._pip(python, "-r", str(self._base), "-r", self._pip_list(self._pip_part))
            return
        exact = self._exact()
        if exact:
            # First what is pinned, then JupyterLab around it.
            strict = ["--require-hashes"] if self._document.kind != PYPROJECT else []
            self._pip(python, *strict, "-r", exact)
            self._pip(python, *self._always, "-c", exact)
        elif prefer:
            self._pip(python, "--no-deps", "-r", str(self.solve(python, prefer)))
        else:
            self._pip(python, *self._options(), "-r", str(self._base), "-r", str(self._main))

    @staticmethod
    def locked(stage: Stage, uv: Uv, environment: Path) -> str:
        """Return what an environment holds as a list of exact versions with the hashes of their files.

        With packages of conda's it is an environment.yml, with their versions and builds.

        Raises:
            StageError: uv's own words, as for a package that came from nowhere that can be asked.
        """
        scratch = stage.platform.user_folder(f"{ENVIRONMENTS}/.{stage.name}")
        names, pins = scratch / "names.txt", scratch / "pins.txt"
        names.write_text("".join(f"{one}\n" for one in inventory.requirements(environment)))
        pins.unlink(missing_ok=True)
        command = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-deps"]
        command += ["--generate-hashes", "--python", f"{environment}/bin/python"]
        uv.run(stage, *command, "--output-file", str(pins), str(names))
        records = inventory.condas(environment)
        return conda.locked(records, pins.read_text()) if records else pins.read_text()

    def outcome(self, interpreter: str, prefer: Dict[str, str], other: str) -> Dict[str, str]:
        """Return the versions that `begin` and `install` would lead to, by name.

        Args:
            interpreter: For which.
            prefer: As for `install`.
            other: Like 3.12, where it is to be another version than the interpreter's; else empty.

        Raises:
            StageError: The resolver's own words.
        """
        found: Dict[str, str] = {}
        if self._document.kind == CONDA:
            told = Conda(self._stage, self._uv, interpreter, self._version).solve(self._main)
            found, self._pip_part = told["packages"], told["pip"]
            prefer = found
        # To uv, 3.12 means its first release, which newer packages may leave out.
        pins = self.solve(interpreter, prefer, *(["--python-version", f"{other}.99"] if other else []))
        return {**pins_of(pins.read_text()), **{normal(name): found[name] for name in found}}

    def solve(self, python: str, prefer: Dict[str, str], *more: str) -> Path:
        """Return a file of pins: what the document comes to, for an interpreter.

        Raises:
            StageError: The resolver's own words.
        """
        pins = self._scratch / "pins.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in sorted(prefer.items())))
        self._stage.platform.give(pins)
        command = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", python]
        command += ["--emit-index-url", "--emit-find-links", *self._options()]
        main = self._exact() or str(self._main)
        if self._document.kind == CONDA:
            main = self._pip_list(self._pip_part)
        self._uv.run(self._stage, *command, *more, "--output-file", str(pins), str(self._base), main)
        return pins

    def _pip_list(self, lines: List[str]) -> str:
        """Write the pip part of an environment.yml; return its path."""
        path = self._scratch / "pip.txt"
        # Files that it names lie beside the document.
        path.write_text("".join(_BESIDE.sub(rf"\1 {self._main.parent}/", line) + "\n" for line in lines))
        return str(path)

    def _pip(self, python: str, *arguments: str) -> None:
        self._uv.run(self._stage, "pip", "install", "--python", python, *arguments)

    def _exact(self) -> str:
        """Return the path of a list that leaves no choice, empty where the document leaves one."""
        if self._document.kind == CONDA:
            return ""
        if self._document.kind == PYPROJECT:
            if not (self._files / "uv.lock").exists():
                return ""
            target = str(self._scratch / "locked.txt")
            command = ["export", "--quiet", "--frozen", "--no-emit-project", "--no-header", "--no-annotate"]
            self._uv.run(self._stage, *command, "--project", str(self._files), "--output-file", target)
            return target
        hashed = any("--hash=" in line or line.startswith("--require-hashes") for line in self._lines())
        return str(self._main) if hashed else ""

    def _options(self) -> List[str]:
        """Return pip's options that uv does not read from a file."""
        return ["--prerelease=allow"] if "--pre" in self._lines() else []

    def _lines(self) -> List[str]:
        return list(_lines(self._main)) if self._document.kind == REQUIREMENTS else []


def _lines(path: Path) -> Iterable[str]:
    """Yield the lines of a list and of the lists it includes."""
    for line in path.read_text(encoding="utf-8").splitlines():
        included = _INCLUDED.match(line)
        if included:
            yield from _lines(path.parent / included.group(1))
        else:
            yield line.strip()


def pins_of(text: str) -> Dict[str, str]:
    """Return the versions (or URLs) of a list of pins, by normal name."""
    matches = (_PIN.match(line) for line in text.splitlines())
    return {normal(found.group(1)): found.group(2) for found in matches if found}
