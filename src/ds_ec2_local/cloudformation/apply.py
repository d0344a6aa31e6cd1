"""A template brought about: every resource made, changed, replaced or left as it is, in order."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ds_ec2_local.cloudformation import graph, schemas, stack_policy
from ds_ec2_local.cloudformation.differences import differences, effective_tags
from ds_ec2_local.cloudformation.errors import (
    Refused,
    ReplacementNeeded,
    ResourceCancelled,
    ResourceFailure,
    ServiceError,
)
from ds_ec2_local.cloudformation.intrinsics import Evaluator
from ds_ec2_local.cloudformation.references import dependencies
from ds_ec2_local.cloudformation.scope import Place, StackScope
from ds_ec2_local.cloudformation.state import Resource, Stack, Target

if TYPE_CHECKING:
    from ds_ec2_local.cloudformation.acts import Acts

_REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


class Application:
    """One pass over a template. Afterwards the lists say what was done, for the way back and the cleanup.

    Attributes:
        failed: Logical ids; an empty one stands for the stack itself, with `fault` as the reason.
        made: Resources that are new in this pass, also those that failed half-way.
        before: Records of resources as they were before this pass changed them.
        superseded: Records of resources that were replaced.
        removed: Records of resources that the template no longer has.
    """

    def __init__(self, stack: Stack, target: Target, place: Place, acts: Acts) -> None:
        self.target = target
        self.scope = StackScope(place, stack.caller, (stack.name, stack.stack_id), target, stack.resources)
        self.evaluator = Evaluator(target.template, self.scope)
        self.clients = place.clients
        self.failed: list[str] = []
        self.fault = ""
        self.made: list[Resource] = []
        self.before: dict[str, Resource] = {}
        self.superseded: list[Resource] = []
        self.removed: list[Resource] = []
        self._stack = stack
        self._acts = acts
        self._updating = bool(stack.resources)
        self._policy = stack.options.during_update_policy or stack.policy
        self._arrows: dict[str, frozenset[str]] = {}

    def run(self) -> None:
        """Bring every resource to what the template says."""
        self._arrows = dependencies(self.target.template, self.evaluator.holds)
        self._find_removed()
        if not self.failed:
            self.failed = graph.run(self._arrows, self._act)

    def back_to(self) -> list[Resource]:
        """Return the records from before, dependents first: the order of the way back."""
        return list(reversed(self.before.values()))

    def _find_removed(self) -> None:
        for name, resource in self._stack.resources.items():
            if name in self._arrows:
                continue
            try:
                stack_policy.permit(self._policy, "Update:Delete", name, resource.type)
            except ResourceFailure as failure:
                self.before[name] = dataclasses.replace(resource)
                self._acts.note(resource, "UPDATE_FAILED", str(failure))
                self.failed.append(name)
            self.removed.append(resource)

    def _act(self, name: str) -> bool:
        try:
            if self._stack.cancel.is_set():
                raise ResourceCancelled
            self._bring(name)
        except ResourceFailure as failure:
            self._fail(name, failure)
            return False
        except ServiceError as error:
            self._fail(name, ResourceFailure(str(error)))
            return False
        return True

    def _fail(self, name: str, failure: ResourceFailure) -> None:
        resource = self._stack.resources.get(name)
        if resource is None:
            resource = self._stack.resources[name] = Resource(self.target.template.resources[name])
            self.made.append(resource)
        verb = "CREATE" if any(resource is new for new in self.made) else "UPDATE"
        if verb == "UPDATE":
            self.before.setdefault(name, dataclasses.replace(resource))
        cancelled = isinstance(failure, ResourceCancelled)
        noun = "update" if verb == "UPDATE" else "creation"
        self._acts.note(
            resource, f"{verb}_FAILED", f"Resource {noun} cancelled" if cancelled else str(failure)
        )
        self._stack.cancel.set()

    def _bring(self, name: str) -> None:
        old = self._stack.resources.get(name)
        if old is not None and old.status != "CREATE_FAILED":
            self._change(old, self._wanted(name, old))
            return
        if old is not None and old.physical_id:
            self.superseded.append(old)  # what is left of a creation that failed and was not rolled back
        resource = Resource(self.target.template.resources[name], depends=self._arrows[name])
        self._stack.resources[name] = resource
        self.made.append(resource)
        resource.properties, resource.tags = self._evaluated(name)
        self._acts.note(resource, "CREATE_IN_PROGRESS")
        self._acts.create(resource)
        self._acts.note(resource, "CREATE_COMPLETE")

    def _evaluated(self, name: str) -> tuple[dict[str, object], dict[str, str]]:
        properties = self.evaluator.value(self.target.template.resources[name].properties)
        return properties, effective_tags(
            self.target.template.resources[name].type, self.target.tags, properties
        )

    def _wanted(self, name: str, old: Resource) -> Resource:
        properties, tags = self._evaluated(name)
        definition = self.target.template.resources[name]
        return dataclasses.replace(
            old, definition=definition, properties=properties, tags=tags, depends=self._arrows[name]
        )

    def _change(self, old: Resource, wanted: Resource) -> None:
        """Change or replace what differs; a resource that is as wanted has no event."""
        schema = schemas.schema(wanted.type)
        paths = differences(old.properties, wanted.properties)
        kinds = {schema.recreation(path) for path in paths}
        replace = "Always" in kinds or old.type != wanted.type
        if not paths and old.tags == wanted.tags and not replace and not old.status.endswith("FAILED"):
            self._stack.resources[old.logical_id] = wanted
            return
        self.before[old.logical_id] = dataclasses.replace(old)
        action: stack_policy.Action = "Update:Replace" if replace else "Update:Modify"
        stack_policy.permit(self._policy, action, old.logical_id, wanted.type)
        if not replace:
            self._acts.note(wanted, "UPDATE_IN_PROGRESS")
            self._stack.resources[old.logical_id] = wanted
            try:
                self._acts.update(wanted, old)
            except Refused:
                self._stack.resources[old.logical_id] = old
                raise
            except ReplacementNeeded:
                stack_policy.permit(self._policy, "Update:Replace", old.logical_id, wanted.type)
                self._stack.resources[old.logical_id] = old
            else:
                self._acts.note(wanted, "UPDATE_COMPLETE")
                return
        self._replace(old, wanted)

    def _replace(self, old: Resource, wanted: Resource) -> None:
        self._acts.note(wanted, "UPDATE_IN_PROGRESS", _REPLACING)
        new = dataclasses.replace(wanted, physical_id="", attributes={})
        self.made.append(new)
        self._acts.create(new, "UPDATE")
        self._stack.resources[old.logical_id] = new
        self.superseded.append(old)
        self._acts.note(new, "UPDATE_COMPLETE")
