"""What a resource type's handler gets and gives back."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ds_ec2_local.cloudformation.errors import Refused, ResourceCancelled, ResourceFailure
from ds_ec2_local.cloudformation.state import random_suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ds_ec2_local.cloudformation.clients import Clients
    from ds_ec2_local.cloudformation.signals import Signals
    from ds_ec2_local.cloudformation.state import Stack
    from ds_ec2_local.cloudformation.template import Definition

PATIENCE_S: Final = 600.0
"""Seconds after which a resource that does not settle has failed."""
_FIRST_LOOK_S: Final = 0.05
_SLOWEST_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Made:
    """A resource as a handler left it.

    Args:
        physical_id: What `Ref` gives.
        attributes: What `Fn::GetAtt` gives.
    """

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Work:
    """One resource to be made, changed or deleted.

    Args:
        stack: Its stack.
        definition: Its entry in the template.
        clients: The service APIs.
        signals: Where signals arrive.
        properties: Evaluated; as wanted, or at a deletion as they are.
        tags: The resource's own over the stack's.
        system_tags: `aws:cloudformation:*`, empty for types that get none.
        begun: Tells the physical id as soon as there is one.
        physical_id: Of the existing resource; empty at a creation.
        old: Properties before an update.
        old_tags: Tags before an update.
        rollback: Whether this undoes an update.
    """

    stack: Stack
    definition: Definition
    clients: Clients
    signals: Signals
    properties: dict[str, Any]
    tags: dict[str, str]
    system_tags: dict[str, str]
    begun: Callable[[str], None]
    physical_id: str = ""
    old: dict[str, Any] = field(default_factory=dict)
    old_tags: dict[str, str] = field(default_factory=dict)
    rollback: bool = False

    @property
    def all_tags(self) -> dict[str, str]:
        """Return the tags, with CloudFormation's own."""
        return {**self.tags, **self.system_tags}

    def get(self, name: str, default: Any = None) -> Any:
        """Return a property."""
        return self.properties.get(name, default)

    def pick(self, *names: str) -> dict[str, Any]:
        """Return those of the named properties that are given."""
        return {name: self.properties[name] for name in names if name in self.properties}

    def true(self, name: str) -> bool:
        """Tell whether a property is true, or "true"."""
        return str(self.properties.get(name, "")).lower() == "true"

    def changed(self, *names: str) -> bool:
        """Tell whether one of the named properties differs from before."""
        return any(self.properties.get(name) != self.old.get(name) for name in names)

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a service API; parameters that are None are left out."""
        return self.clients.call(self.stack.caller, service, operation, parameters)

    def generated_name(self, longest: int, allowed: str = "A-Za-z0-9-") -> str:
        """Return a name of stack, logical id and random characters, as CloudFormation makes them.

        Args:
            longest: Characters.
            allowed: The characters that a name may have, as in a regular expression's brackets.
        """
        text = re.sub(f"[^{allowed}]", "", f"{self.stack.name}-{self.definition.logical_id}")
        return f"{text[: longest - 13]}-{random_suffix()}"

    def until(self, check: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until `check` holds.

        Raises:
            ResourceFailure: It does not within `patience_s`, or the operation was cancelled.
        """
        deadline = time.monotonic() + patience_s
        pause = _FIRST_LOOK_S
        while not check():
            if time.monotonic() > deadline:
                raise ResourceFailure(f"Exceeded attempts to wait: {what}")
            self.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_LOOK_S)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the operation is cancelled meanwhile.

        Raises:
            ResourceCancelled: It is.
        """
        if self.stack.cancel.wait(seconds):
            raise ResourceCancelled


class Handler:
    """One resource type; subclasses make, change and delete it through the service's own API.

    Args:
        type_name: As templates name it.
        accepts: The properties that it acts on. One that the type has on AWS but that is not here fails the
            resource: silence would be a false promise.
    """

    type_name: ClassVar[str]
    accepts: ClassVar[frozenset[str] | None]

    def create(self, work: Work) -> Made:
        """Make the resource and wait until it is of use."""
        raise NotImplementedError

    def update(self, work: Work) -> Made:
        """Change the resource in place.

        Raises:
            ReplacementNeeded: It cannot be changed in place.
        """
        raise Refused(f"Update of resource type {work.definition.type} is not supported")

    def delete(self, work: Work) -> None:
        """Delete the resource and wait until it is gone; the engine takes "not found" for success."""
        raise NotImplementedError

    def snapshot(self, work: Work) -> None:
        """Keep a copy before the deletion (DeletionPolicy Snapshot); only volumes can."""
        raise ResourceFailure(f"{work.definition.type} has no snapshots")


def properties(names: str) -> frozenset[str]:
    """Return the names in a text, for `accepts`."""
    return frozenset(names.split())
