"""What an update would change: the rows of a change set, and whether there is any."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ds_ec2_local.cloudformation import schemas
from ds_ec2_local.cloudformation.differences import differences, effective_tags, tags_of
from ds_ec2_local.cloudformation.intrinsics import UNKNOWN, Evaluator
from ds_ec2_local.cloudformation.references import dependencies, in_order, references
from ds_ec2_local.cloudformation.scope import Place, StackScope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ds_ec2_local.cloudformation.state import Resource, Stack, Target

Replacement = Literal["True", "False", "Conditional"]


@dataclass(frozen=True, slots=True)
class Detail:
    """Why a resource changes: one property, one cause."""

    attribute: str
    name: str | None
    recreation: schemas.Recreation
    evaluation: Literal["Static", "Dynamic"]
    source: str
    cause: str | None = None
    path: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as DescribeChangeSet answers it."""
        target = {
            "Attribute": self.attribute,
            "Name": self.name,
            "RequiresRecreation": self.recreation,
            "Path": self.path,
        }
        return {
            "Target": target,
            "Evaluation": self.evaluation,
            "ChangeSource": self.source,
            "CausingEntity": self.cause,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a change set."""

    action: Literal["Add", "Modify", "Remove"]
    logical_id: str
    type: str
    physical_id: str | None = None
    replacement: Replacement | None = None
    details: tuple[Detail, ...] = ()
    policy: str | None = None
    before: str | None = None
    after: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as DescribeChangeSet answers it."""
        return {
            "Type": "Resource",
            "ResourceChange": {
                "PolicyAction": self.policy,
                "Action": self.action,
                "LogicalResourceId": self.logical_id,
                "PhysicalResourceId": self.physical_id,
                "ResourceType": self.type,
                "Replacement": self.replacement,
                "Scope": list(dict.fromkeys(detail.attribute for detail in self.details)),
                "Details": [detail.document() for detail in self.details],
                "BeforeContext": self.before,
                "AfterContext": self.after,
            },
        }


@dataclass(slots=True)
class Plan:
    """All rows, and what else differs."""

    changes: list[Change] = field(default_factory=list)
    elsewhere: bool = False
    """Whether outputs or the stack's tags differ."""

    @property
    def empty(self) -> bool:
        """Tell whether nothing is to be done."""
        return not self.changes and not self.elsewhere


class Planner:
    """Compares a stack with what it is to become, without touching anything.

    Raises:
        TemplateError: From the constructor or `plan`: the template cannot be evaluated.
    """

    def __init__(self, stack: Stack, target: Target, place: Place) -> None:
        self._stack = stack
        self._target = target
        self._scope = StackScope(place, stack.caller, (stack.name, stack.stack_id), target, stack.resources)
        self._scope.planning = True
        self.evaluator = Evaluator(target.template, self._scope)
        self._unknown: set[str] = set()
        self._stirred: set[str] = set()

    def plan(self) -> Plan:
        """Return the changes: removals last."""
        template, stack = self._target.template, self._stack
        graph = dependencies(template, self.evaluator.holds)
        found = Plan()
        self._scope.unknown, self._scope.stirred = self._unknown, self._stirred
        for name in in_order(graph):
            if change := self._row(name):
                found.changes.append(change)
                self._stirred.add(name)
                if change.replacement in {"True", "Conditional"}:
                    self._unknown.add(name)
        for name, resource in stack.resources.items():
            if name not in graph:
                policy = resource.definition.deletion_policy
                found.changes.append(
                    Change(
                        "Remove",
                        name,
                        resource.type,
                        resource.physical_id,
                        policy={
                            "Retain": "Retain",
                            "RetainExceptOnCreate": "Retain",
                            "Snapshot": "Snapshot",
                        }.get(policy, "Delete"),
                    )
                )
        order = {name: index for index, name in enumerate([*template.resources, *stack.resources])}
        found.changes.sort(key=lambda change: order[change.logical_id])
        found.elsewhere = self._outputs_differ() or dict(stack.target.tags) != dict(self._target.tags)
        return found

    def _outputs_differ(self) -> bool:
        old, new = self._stack.target.template.section("Outputs"), self._target.template.section("Outputs")
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                return True
        values = {output.key: output.value for output in self._stack.outputs}
        for key, entry in new.items():
            if entry.get("Condition") and not self.evaluator.holds(entry["Condition"]):
                if key in values:
                    return True
            elif key not in values or UNKNOWN in str(found := self.evaluator.value(entry["Value"])):
                continue
            elif str(found) != values[key]:
                return True
        return False

    def _row(self, name: str) -> Change | None:
        definition = self._target.template.resources[name]
        properties = self.evaluator.value(definition.properties)
        after = json.dumps({"Properties": properties}, default=str)
        old = self._stack.resources.get(name)
        if old is None or not old.physical_id:
            return Change("Add", name, definition.type, after=after)
        details = self._details(old, name, properties)
        if not details:
            return None
        replacement: Replacement = "False"
        if old.type != definition.type or any(
            d.recreation == "Always" and d.evaluation == "Static" for d in details
        ):
            replacement = "True"
        elif any(d.recreation != "Never" for d in details):
            replacement = "Conditional"
        kept = definition.update_replace_policy
        policy = None
        if replacement == "True":
            policy = {"Retain": "ReplaceAndRetain", "Snapshot": "ReplaceAndSnapshot"}.get(
                kept, "ReplaceAndDelete"
            )
        before = json.dumps({"Properties": old.properties}, default=str)
        return Change(
            "Modify",
            name,
            definition.type,
            old.physical_id,
            replacement,
            tuple(details),
            policy,
            before,
            after,
        )

    def _details(self, old: Resource, name: str, properties: dict[str, Any]) -> list[Detail]:
        definition = self._target.template.resources[name]
        schema = schemas.schema(definition.type)
        details: list[Detail] = []
        for path in differences(old.properties, properties):
            recreation = schema.recreation(path)
            pointer = "/Properties/" + "/".join(path)
            causes = list(self._causes(old, path[0], definition.properties.get(path[0])))
            details.extend(
                Detail("Properties", path[0], recreation, evaluation, source, cause, pointer)
                for evaluation, source, cause in causes
            )
        if tags_of(old.properties) != tags_of(properties):
            details.append(
                Detail(
                    "Properties", "Tags", "Never", "Static", "DirectModification", None, "/Properties/Tags"
                )
            )
        elif old.tags != effective_tags(definition.type, self._target.tags, properties):
            details.append(Detail("Tags", None, "Never", "Static", "DirectModification"))
        for attribute, field_name in (
            ("Metadata", "metadata"), ("CreationPolicy", "creation_policy"),
            ("DeletionPolicy", "deletion_policy"), ("UpdateReplacePolicy", "update_replace_policy"),
        ):  # fmt: skip
            if getattr(old.definition, field_name) != getattr(definition, field_name):
                details.append(Detail(attribute, None, "Never", "Static", "DirectModification"))
        return list(dict.fromkeys(details))

    def _causes(
        self, old: Resource, name: str, expression: Any
    ) -> Iterable[tuple[Literal["Static", "Dynamic"], str, str | None]]:
        """Yield evaluation, source and cause of a property's difference."""
        found: list[tuple[Literal["Static", "Dynamic"], str, str | None]] = []
        before, now = self._stack.target.parameters, self._target.parameters
        for reference in references(expression, self.evaluator.holds):
            mentioned = reference.name
            if mentioned in now and (
                mentioned not in before or before[mentioned].value != now[mentioned].value
            ):
                found.append(("Static", "ParameterReference", mentioned))
            elif reference.attribute is None and mentioned in self._unknown:
                found.append(("Dynamic", "ResourceReference", mentioned))
            elif reference.attribute is not None and mentioned in self._stirred:
                found.append(("Dynamic", "ResourceAttribute", f"{mentioned}.{reference.attribute}"))
        if not found or expression != old.definition.properties.get(name):
            static = not any(evaluation == "Dynamic" for evaluation, _, _ in found)
            found.append(("Static" if static else "Dynamic", "DirectModification", None))
        return found


def check(stack: Stack, target: Target, place: Place) -> None:
    """Evaluate a target once, with unknown values where resources are missing.

    Raises:
        TemplateError: It cannot be evaluated.
    """
    Planner(dataclasses.replace(stack), target, place).plan()
