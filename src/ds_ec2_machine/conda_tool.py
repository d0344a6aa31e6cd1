"""Runs inside the tool environment of `conda.py`, the one place with rattler and a YAML reader."""

from __future__ import annotations

import asyncio  # noqa: TID253 - a program of its own
import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List, NoReturn, Tuple

_DEFAULT_CHANNEL = "conda-forge"  # Anaconda's own `defaults` asks larger companies for a licence


def read(path: Path, python: str) -> Tuple[List[str], List[str], List[str]]:
    """Return an environment.yml's channels, packages and pip requirements.

    Args:
        path: The file.
        python: The version to take where it names none.

    Raises:
        ValueError: It is none.
    """
    yaml = import_module("ruamel.yaml").YAML(typ="safe", pure=True)
    told: Any = yaml.load(path.read_text(encoding="utf-8"))
    if not isinstance(told, dict) or not isinstance(told.get("dependencies"), list):
        raise TypeError(f"{path.name} has no list of dependencies")
    packages: List[str] = []
    pip: List[str] = []
    for one in told["dependencies"]:
        if isinstance(one, dict):
            pip += [str(line) for line in one.get("pip") or []]
        else:
            packages.append(str(one))
    channels = [str(one) for one in told.get("channels") or [] if one not in {"nodefaults", "defaults"}]
    if not any(_name(one) == "python" for one in packages):
        packages.append(f"python {python}.*")
    return channels or [_DEFAULT_CHANNEL], packages, pip


def _name(spec: str) -> str:
    return re.split(r"[\s=<>!~\[]", spec.rpartition("::")[2].strip())[0].lower()


async def _solve(channels: List[str], packages: List[str], cache: Path) -> List[Any]:
    rattler = import_module("rattler")
    system = [one.into_generic() for one in rattler.VirtualPackage.detect()]
    gateway = rattler.Gateway(cache_dir=cache / "repodata")
    # Not strictly, for name=version=build is what `conda env export` writes.
    specs = [rattler.MatchSpec(one, strict=False) for one in packages]
    records: List[Any] = await rattler.solve(channels, specs, gateway, virtual_packages=system)
    return records


def main(arguments: List[str]) -> None:
    """`CACHE PYTHON solve FILE` or `CACHE PYTHON install FILE PREFIX`; the last line is JSON."""
    cache, python, verb, file, *prefix = arguments
    try:
        channels, packages, pip = read(Path(file), python)
        records = asyncio.run(_solve(channels, packages, Path(cache)))
        if verb == "install":
            print(f"{len(records)} packages from {', '.join(channels)}", flush=True)  # noqa: T201 - the log
            install = import_module("rattler").install
            asyncio.run(install(records, prefix[0], Path(cache) / "packages", show_progress=False))
    except Exception as error:  # noqa: BLE001 - rattler has a type of its own for every trouble; the words count
        _end(f"{file}: {error}", 1)
    found: Dict[str, str] = {one.name.normalized: str(one.version) for one in records}
    _end(json.dumps({"packages": found, "pip": pip}), 0)


def _end(text: str, status: int) -> NoReturn:
    """Say the last word and end at once: rattler's threads can crash an interpreter that winds down."""
    print(text, flush=True)  # noqa: T201 - the answer
    os._exit(status)
