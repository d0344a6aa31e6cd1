"""A template: its text read, its outer form checked. What its functions say is `intrinsics`' affair."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from ds_ec2_local.cloudformation import yaml_forms
from ds_ec2_local.cloudformation.errors import ValidationError

LARGEST_BODY: Final = 51_200
"""Bytes of a TemplateBody. Source: CloudFormation quotas."""
LARGEST_AT_URL: Final = 1_000_000
"""Bytes of a template in S3. Source: CloudFormation quotas."""
MOST_RESOURCES: Final = 500
_SECTIONS: Final = frozenset(
    {
        "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings",
        "Conditions", "Transform", "Resources", "Outputs", "Hooks",
    }
)  # fmt: skip
_ATTRIBUTES: Final = frozenset(
    {
        "Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata",
        "CreationPolicy", "UpdatePolicy",
    }
)  # fmt: skip
_DELETION: Final = ("Delete", "Retain", "Snapshot", "RetainExceptOnCreate")
_NAME: Final = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Definition:
    """One entry of `Resources`, its functions not yet evaluated."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    condition: str | None
    deletion_policy: str
    update_replace_policy: str
    metadata: Any
    creation_policy: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A template in good form.

    Args:
        body: The text as given.
        document: The whole document.
        resources: The resources by logical id, in the template's order.
    """

    body: str
    document: Mapping[str, Any]
    resources: Mapping[str, Definition]

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a section that holds entries by name; empty where the template has none."""
        found = self.document.get(name) or {}
        return found if isinstance(found, Mapping) else {}


def parse(body: str) -> Template:
    """Read a template.

    Raises:
        ValidationError: It is not in good form; the text is CloudFormation's.
    """
    document = _document(body)
    if unknown := [name for name in document if name not in _SECTIONS]:
        raise ValidationError(f"Invalid template property or properties [{', '.join(map(str, unknown))}]")
    for section in ("Parameters", "Mappings", "Conditions", "Outputs", "Rules", "Resources"):
        if not isinstance(document.get(section) or {}, Mapping):
            raise ValidationError(
                f"Template format error: [/{section}] Every {section} member must be an object."
            )
    if document.get("Transform"):
        raise ValidationError("Template format error: Transforms are not supported by the embedded AWS.")
    if document.get("Rules"):
        raise ValidationError("Template format error: Rules are not supported by the embedded AWS.")
    resources = document.get("Resources")
    if not resources:
        raise ValidationError("Template format error: At least one Resources member must be defined.")
    if len(resources) > MOST_RESOURCES:
        raise ValidationError(
            f"Template format error: Number of resources, {len(resources)}, is greater than maximum allowed,"
            f" {MOST_RESOURCES}"
        )
    return Template(body, document, {name: _definition(name, entry) for name, entry in resources.items()})


def _document(body: str) -> Mapping[str, Any]:
    try:
        document = json.loads(body) if body.lstrip().startswith("{") else yaml_forms.load(body)
    except json.JSONDecodeError as error:
        where = f"(line {error.lineno}, column {error.colno})"
        raise ValidationError(f"Template format error: JSON not well-formed. {where}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValidationError(f"Template format error: YAML not well-formed.{where}") from error
    if not isinstance(document, Mapping):
        raise ValidationError("Template format error: unsupported structure.")
    return document


def _definition(name: str, entry: Any) -> Definition:
    where = f"[/Resources/{name}]"
    if not _NAME.fullmatch(str(name)):
        raise ValidationError(f"Template format error: Resource name {name} is non alphanumeric.")
    if not isinstance(entry, Mapping):
        raise ValidationError(f"Template format error: {where} resource definition is malformed")
    if not isinstance(entry.get("Type"), str):
        raise ValidationError(
            f"Template format error: {where} Every Resources object must contain a Type member."
        )
    if unknown := [key for key in entry if key not in _ATTRIBUTES]:
        raise ValidationError(f"Invalid template resource property '{unknown[0]}'")
    properties = entry.get("Properties") or {}
    if not isinstance(properties, Mapping):
        raise ValidationError(f"Template format error: {where} Properties must be an object.")
    depends = entry.get("DependsOn") or ()
    return Definition(
        logical_id=name,
        type=entry["Type"],
        properties=properties,
        depends_on=(depends,) if isinstance(depends, str) else tuple(depends),
        condition=entry.get("Condition"),
        deletion_policy=_policy(entry, "DeletionPolicy", _DELETION),
        update_replace_policy=_policy(entry, "UpdateReplacePolicy", _DELETION[:3]),
        metadata=entry.get("Metadata"),
        creation_policy=entry.get("CreationPolicy") or {},
    )


def _policy(entry: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = entry.get(name, "Delete")
    if value not in allowed:
        raise ValidationError(f"Template error: {name} must be one of {', '.join(allowed)}; it is {value!r}")
    if value == "Snapshot" and entry["Type"] != "AWS::EC2::Volume" and name in entry:
        raise ValidationError(
            f"Template error: resource type {entry['Type']} does not support deletion policy Snapshot"
        )
    return str(value)
