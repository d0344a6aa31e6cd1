"""What the registry knows of a resource type: which properties it has, and which of them replace it.

cfn-lint carries the registry's schemas as files; they are read when a type is first met, without importing
cfn-lint (seconds).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Recreation = Literal["Always", "Conditionally", "Never"]
PropertyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """A resource type's schema, as far as the engine uses it.

    Args:
        document: The registry's own document; empty for a type that it does not know (`Custom::*`).
        create_only: Paths of properties whose change makes a new resource; `*` stands for any index.
        conditional: Paths of those whose change may.
    """

    document: Mapping[str, Any]
    create_only: tuple[PropertyPath, ...]
    conditional: tuple[PropertyPath, ...]

    @property
    def system_tags(self) -> bool:
        """Tell whether CloudFormation puts its own `aws:cloudformation:*` tags on such resources."""
        return bool((self.document.get("tagging") or {}).get("cloudFormationSystemTags"))

    @property
    def taggable(self) -> bool:
        """Tell whether a stack's tags reach such resources."""
        return bool((self.document.get("tagging") or {}).get("taggable"))

    def recreation(self, path: PropertyPath) -> Recreation:
        """Return whether a change of the property at `path` makes a new resource."""
        if any(_covers(rule, path) for rule in self.create_only):
            return "Always"
        return "Conditionally" if any(_covers(rule, path) for rule in self.conditional) else "Never"

    def faults(self, properties: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with evaluated properties, in the words of the registry."""
        read_only = {tuple(path.split("/")[2:]) for path in self.document.get("readOnlyProperties") or ()}
        extra = [
            f"#: extraneous key [{name}] is not permitted" for name in properties if (name,) in read_only
        ]
        return [*extra, *self._faults(self.document, properties, "#")]

    def _faults(self, rule: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
        if "$ref" in rule:
            rule = self._resolve(str(rule["$ref"]))
        if isinstance(value, dict):
            yield from self._object_faults(rule, value, where)
        elif isinstance(value, list) and isinstance(rule.get("items"), dict):
            for index, item in enumerate(value):
                yield from self._faults(rule["items"], item, f"{where}/{index}")

    def _object_faults(self, rule: Mapping[str, Any], value: Mapping[str, Any], where: str) -> Iterator[str]:
        known = rule.get("properties")
        if not isinstance(known, dict) or not known:
            return
        for name in rule.get("required") or ():
            if name not in value:
                yield f"{where}: required key [{name}] not found"
        for name, member in value.items():
            if name in known:
                yield from self._faults(known[name], member, f"{where}/{name}")
            elif rule.get("additionalProperties") is False and not rule.get("patternProperties"):
                yield f"{where}: extraneous key [{name}] is not permitted"

    def _resolve(self, pointer: str) -> Mapping[str, Any]:
        found: Any = self.document
        for part in pointer.removeprefix("#/").split("/"):
            found = found.get(part, {})
        return found if isinstance(found, dict) else {}


@lru_cache(maxsize=1)
def _folder() -> Path | None:
    spec = find_spec("cfnlint")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "data" / "schemas" if places else None


@lru_cache(maxsize=1)
def _index() -> dict[str, str]:
    folder = _folder()
    if folder is None:
        return {}
    index: dict[str, str] = json.loads((folder / "providers" / "us-east-1.json").read_text())
    return index


@lru_cache(maxsize=256)
def schema(type_name: str) -> Schema:
    """Return the schema of a resource type; one that knows nothing for a type not in the registry."""
    digest = _index().get(type_name)
    folder = _folder()
    if digest is None or folder is None:
        return Schema({}, (), ())
    document = json.loads((folder / "resources" / f"{digest}.json").read_text())
    return Schema(
        document,
        tuple(_paths(document.get("createOnlyProperties"))),
        tuple(_paths(document.get("conditionalCreateOnlyProperties"))),
    )


def _paths(pointers: Any) -> Iterator[PropertyPath]:
    for pointer in pointers or ():
        yield tuple(pointer.split("/")[2:])


def _covers(rule: PropertyPath, path: PropertyPath) -> bool:
    return all(a in {"*", b} for a, b in zip(rule, path, strict=False))
