"""What an environment holds, read from its own records."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, Any, Dict, List

if TYPE_CHECKING:
    from pathlib import Path

# Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
_RECORD = re.compile(r"/([^/\n]+)-([^/\n-]+)\.dist-info/METADATA$", re.MULTILINE)


def normal(name: str) -> str:
    """Return a package's name in the form in which names are compared.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(environment: Path) -> Dict[str, str]:
    """Return the versions of what is installed, by name; conda's packages too."""
    found: Dict[str, str] = {}
    for told in condas(environment):
        found[normal(told["name"])] = told["version"]
    return {**found, **{name: one.version for name, one in _distributions(environment).items()}}


def condas(environment: Path) -> List[Dict[str, Any]]:
    """Return the records of what conda's side has installed, by name."""
    records = [json.loads(path.read_text()) for path in environment.glob("conda-meta/*.json")]
    return sorted(records, key=lambda one: str(one["name"]))


def requirements(environment: Path) -> List[str]:
    """Return what is installed of Python's packages, other than by conda's, as exact requirements."""
    lines = []
    files = "\n".join(file for one in condas(environment) for file in one.get("files", ()))
    theirs = {(normal(name), version) for name, version in _RECORD.findall(files)}
    for name, one in sorted(_distributions(environment).items()):
        if (name, one.version) in theirs:
            continue
        # Source: https://packaging.python.org/en/latest/specifications/direct-url/
        origin = json.loads(one.read_text("direct_url.json") or "{}")
        commit = origin.get("vcs_info", {})
        url = f"{commit['vcs']}+{origin['url']}@{commit['commit_id']}" if commit else origin.get("url")
        lines.append(f"{name} @ {url}" if url else f"{name}=={one.version}")
    return lines


def _distributions(environment: Path) -> Dict[str, Distribution]:
    folders = [str(path) for path in environment.glob("lib/python3*/site-packages")]
    every = distributions(path=folders)
    # A distribution that is half removed has no name.
    return {normal(one.metadata["Name"]): one for one in every if one.metadata["Name"]}


def difference(before: Dict[str, str], after: Dict[str, str]) -> Dict[str, Any]:
    """Return what comes, goes and changes; versions as (before, after)."""
    both = before.keys() & after.keys()
    changed = [name for name in sorted(both) if before[name] != after[name]]
    return {
        "added": {name: after[name] for name in sorted(after.keys() - both)},
        "removed": {name: before[name] for name in sorted(before.keys() - both)},
        "changed": {name: [before[name], after[name]] for name in changed},
        "unchanged": len(both) - len(changed),
    }
