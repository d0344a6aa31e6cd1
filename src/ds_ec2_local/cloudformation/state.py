"""What is remembered: stacks, their resources and events, change sets, exports."""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ds_ec2_local.cloudformation.parameters import Parameter
    from ds_ec2_local.cloudformation.template import Definition, Template

STACK_TYPE: Final = "AWS::CloudFormation::Stack"


def now() -> datetime:
    """Return the time of day, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and where.

    Args:
        account: Twelve digits.
        region: Such as `us-east-1`.
        access_key: The service APIs are called with it, so that they see the same caller.
        session_token: Of temporary credentials, or None.
    """

    account: str
    region: str
    access_key: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a stack is to become.

    Args:
        template: The template.
        parameters: Its parameters, checked.
        tags: The stack's tags.
        capabilities: As acknowledged.
        notification_arns: SNS topics.
        role_arn: As given; nothing is called with it.
    """

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...] = ()
    notification_arns: tuple[str, ...] = ()
    role_arn: str | None = None


@dataclass(slots=True)
class Resource:
    """A resource of a stack as it stands."""

    definition: Definition
    physical_id: str = ""
    status: str = ""
    reason: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    depends: frozenset[str] = frozenset()
    changed_at: datetime = field(default_factory=now)

    @property
    def logical_id(self) -> str:
        """Return its name in the template."""
        return self.definition.logical_id

    @property
    def type(self) -> str:
        """Return its type."""
        return self.definition.type


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a stack's history."""

    event_id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None
    at: datetime
    token: str | None
    operation_id: str
    properties: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a stack."""

    key: str
    value: str
    description: str | None
    export: str | None


@dataclass(frozen=True, slots=True)
class Options:
    """How an operation on a stack behaves.

    Args:
        on_failure: ROLLBACK, DELETE or DO_NOTHING.
        token: ClientRequestToken, written to the events.
        during_update_policy: A stack policy in force for this update alone.
        retain: Logical ids that a deletion leaves.
        force: Deletion goes on over resources that cannot be deleted.
        retain_except_on_create: A rollback of the creation deletes what is to be retained.
        timeout_s: Seconds for the whole creation, or None.
    """

    on_failure: str = "ROLLBACK"
    token: str | None = None
    during_update_policy: str | None = None
    retain: frozenset[str] = frozenset()
    force: bool = False
    retain_except_on_create: bool = False
    timeout_s: float | None = None


@dataclass(slots=True)
class Stack:
    """A stack, live or deleted."""

    caller: Caller
    name: str
    stack_id: str
    target: Target
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    imports: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    policy: str | None = None
    protected: bool = False
    options: Options = field(default_factory=Options)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    change_set_id: str | None = None
    operation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    cancel: threading.Event = field(default_factory=threading.Event)
    worker: threading.Thread | None = None
    unfinished: list[Resource] = field(default_factory=list)
    """Resources of before an update that a failed rollback still has to bring back."""

    @property
    def busy(self) -> bool:
        """Tell whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def record(
        self, logical_id: str, type_name: str, physical_id: str, status: str, reason: str | None
    ) -> None:
        """Append an event."""
        self.events.append(
            Event(
                event_id=f"{logical_id}-{status}-{now():%Y-%m-%dT%H:%M:%S.%fZ}" if type_name != STACK_TYPE
                else str(uuid.uuid4()),
                logical_id=logical_id,
                physical_id=physical_id,
                type=type_name,
                status=status,
                reason=reason,
                at=now(),
                token=self.options.token,
                operation_id=self.operation_id,
            )
        )  # fmt: skip

    def become(self, status: str, reason: str | None = None) -> None:
        """Change the stack's status, and say so in an event."""
        self.status, self.reason = status, reason
        self.record(self.name, STACK_TYPE, self.stack_id, status, reason)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change that was looked at before it is made."""

    change_set_id: str
    name: str
    stack_id: str
    stack_name: str
    kind: str
    target: Target
    changes: tuple[Mapping[str, Any], ...]
    status: str
    execution_status: str
    reason: str | None
    description: str | None
    options: Options
    token: str | None = None
    created_at: datetime = field(default_factory=now)


class Store:
    """All stacks of all accounts and regions of this server."""

    def __init__(self) -> None:
        self.lock: Final = threading.RLock()
        self._stacks: dict[str, Stack] = {}

    def add(self, caller: Caller, name: str, target: Target) -> Stack:
        """Make a stack that has no resource yet."""
        partition = "arn:aws"
        stack_id = f"{partition}:cloudformation:{caller.region}:{caller.account}:stack/{name}/{uuid.uuid1()}"
        stack = Stack(caller, name, stack_id, target)
        self._stacks[stack_id] = stack
        return stack

    def all(self, caller: Caller) -> list[Stack]:
        """Return the stacks of an account and region, the newest first."""
        place = (caller.account, caller.region)
        stacks = [s for s in list(self._stacks.values()) if (s.caller.account, s.caller.region) == place]
        return sorted(stacks, key=lambda stack: stack.created_at, reverse=True)

    def find(self, caller: Caller, name_or_id: str) -> Stack | None:
        """Return a live stack by its name, or any stack by its id."""
        for stack in self.all(caller):
            if stack.stack_id == name_or_id or (stack.name == name_or_id and stack.deleted_at is None):
                return stack
        return None

    def forget(self, stack: Stack) -> None:
        """Remove a stack that never was more than a review."""
        self._stacks.pop(stack.stack_id, None)

    def exports(self, caller: Caller) -> Iterator[tuple[Stack, Output]]:
        """Yield every export of an account and region with the stack that makes it."""
        for stack in self.all(caller):
            if stack.deleted_at is None:
                yield from ((stack, output) for output in stack.outputs if output.export)

    def importers(self, caller: Caller, export: str) -> list[Stack]:
        """Return the stacks that import `export`."""
        return [s for s in self.all(caller) if export in s.imports and s.deleted_at is None]


def random_suffix(length: int = 12) -> str:
    """Return letters and digits as CloudFormation ends generated names with."""
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(length))
