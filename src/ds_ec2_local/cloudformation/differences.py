"""What differs between two sets of evaluated properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ec2_local.cloudformation.parameters import text_of
from ds_ec2_local.cloudformation.schemas import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ds_ec2_local.cloudformation.schemas import PropertyPath


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[PropertyPath]:
    """Return the paths at which the properties differ; "5" is 5, and tags are compared elsewhere."""
    names = [name for name in {**old, **new} if name != "Tags"]
    return [path for name in names for path in _differ((name,), old.get(name), new.get(name))]


def _differ(path: PropertyPath, old: Any, new: Any) -> Iterator[PropertyPath]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differ((*path, str(name)), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differ((*path, str(index)), before, after)
    elif not _same(old, new):
        yield path


def _same(old: Any, new: Any) -> bool:
    if old is None or new is None or isinstance(old, dict | list) or isinstance(new, dict | list):
        return bool(old == new)
    return text_of(old) == text_of(new)


def effective_tags(type_name: str, stack: Mapping[str, str], properties: Mapping[str, Any]) -> dict[str, str]:
    """Return a resource's tags: its own over its stack's; none for a type that takes none."""
    return {**stack, **tags_of(properties)} if schema(type_name).taggable else {}


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags in a resource's properties: a list of keys and values, or a map."""
    tags = properties.get("Tags") or []
    if isinstance(tags, dict):
        return {str(key): text_of(value) for key, value in tags.items()}
    return {str(tag["Key"]): text_of(tag.get("Value", "")) for tag in tags if "Key" in tag}
