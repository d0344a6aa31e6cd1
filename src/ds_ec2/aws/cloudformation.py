"""Stacks: made, watched and removed."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.aws.ec2 import tags_of
from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.model.names import TAG_MANAGED_BY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from types_boto3_cloudformation import CloudFormationClient

GONE: Final = "DELETE_COMPLETE"
REVIEWED: Final = "REVIEW_IN_PROGRESS"
"""Empty: made by a change set that nobody has executed. It stays so until somebody does, or removes it.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

_KEEP_DISKS_AND_INSTANCES: Final = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": ["Update:Replace", "Update:Delete"],
                "Principal": "*",
                "Resource": "*",
                "Condition": {"StringEquals": {"ResourceType": ["AWS::EC2::Instance", "AWS::EC2::Volume"]}},
            },
        ]
    }
)
"""No update replaces or removes a machine or its data.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack, as far as we care."""

    id: str
    name: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None

    @property
    def moving(self) -> bool:
        """Whether CloudFormation still works on it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != REVIEWED

    @property
    def updated(self) -> bool:
        """Whether an update, or its rollback, is under way: nobody else can touch it meanwhile."""
        return self.moving and self.status.startswith("UPDATE_")

    @property
    def usable(self) -> bool:
        """Whether it stands, complete (an update that was rolled back leaves it so)."""
        return self.status.endswith("_COMPLETE") and self.status not in {
            "ROLLBACK_COMPLETE",
            GONE,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stack.

    Args:
        id: Unique.
        resource: Logical id of the resource; the stack's own name for the stack itself.
        type: `AWS::EC2::Instance`.
        status: `CREATE_COMPLETE`.
        reason: AWS's words, mostly empty.
    """

    id: str
    resource: str
    type: str
    status: str
    reason: str

    @property
    def failure(self) -> str:
        """Resource and reason, where this event is a cause of failure and not a consequence."""
        if not self.status.endswith("_FAILED") or "cancelled" in self.reason.lower():
            return ""
        return f"{self.resource} ({self.type}): {self.reason}"


@dataclass(frozen=True, slots=True)
class Change:
    """What a change set would do to one resource.

    Args:
        resource: Logical id.
        type: `AWS::EC2::Instance`.
        action: `Add`, `Modify`, `Remove`, ...
        replacement: `True`, `False` or `Conditional`; empty for what is added or removed.
    """

    resource: str
    type: str
    action: str
    replacement: str

    def in_place(self, *, conditional: bool = False) -> bool:
        """Whether the resource stays what it is: the same disk, the same instance.

        Args:
            conditional: What cannot be told beforehand counts as staying.
        """
        staying = {"False", "Conditional"} if conditional else {"False"}
        return self.action == "Modify" and self.replacement in staying


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change of a stack that can be looked at before it is made.

    Args:
        id: Its ARN.
        status: `CREATE_COMPLETE` when it can be executed, `FAILED` also where nothing would change.
        reason: AWS's words.
        changes: One for each resource.
    """

    id: str
    status: str
    reason: str
    changes: tuple[Change, ...]

    @property
    def moving(self) -> bool:
        """Whether CloudFormation still works it out."""
        return self.status in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        words = self.reason.lower()
        return self.status == "FAILED" and ("didn't contain changes" in words or "no updates" in words)


class Stacks:
    """CloudFormation."""

    def __init__(self, client: CloudFormationClient) -> None:
        self._client = client

    @translated
    def tagged(self) -> tuple[Stack, ...]:
        """Return all stacks of the region that carry our tag."""
        pages = self._client.get_paginator("describe_stacks").paginate()
        every = (_stack(item) for page in pages for item in page["Stacks"])
        return tuple(stack for stack in every if TAG_MANAGED_BY in stack.tags and stack.status != GONE)

    def find(self, name_or_id: str) -> Stack | None:
        """Return one stack, or None. By id, one that is gone is still found, as DELETE_COMPLETE."""
        try:
            return self._find(name_or_id)
        except NoSuchThingError:
            return None

    @translated
    def _find(self, name_or_id: str) -> Stack:
        return _stack(self._client.describe_stacks(StackName=name_or_id)["Stacks"][0])

    @translated
    def make(self, name: str, template: str, parameters: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """Call CreateStack and return the stack's id. A stack that fails removes itself.

        Raises:
            AlreadyExistsError: There is one of that name.
        """
        answer = self._client.create_stack(
            StackName=name,
            TemplateBody=template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_IAM"],
            OnFailure="DELETE",
            StackPolicyBody=_KEEP_DISKS_AND_INSTANCES,
            # A retry of the same call (a lost answer) makes no second stack and is no error.
            ClientRequestToken=f"ds-ec2-{uuid.uuid4()}",
        )
        return answer["StackId"]

    @translated
    def propose(self, stack: Stack, parameters: Mapping[str, str]) -> str:
        """Call CreateChangeSet for other values of some parameters; all else stays. Return its id.

        Args:
            stack: The stack, with all of its parameters.
            parameters: New values.
        """
        kept = [
            {"ParameterKey": key, "UsePreviousValue": True}
            for key in stack.parameters
            if key not in parameters
        ]
        changed = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        wanted: Any = [*kept, *changed]
        answer = self._client.create_change_set(
            StackName=stack.id,
            ChangeSetName=f"ds-ec2-{uuid.uuid4()}",
            ChangeSetType="UPDATE",
            UsePreviousTemplate=True,
            Parameters=wanted,
            Capabilities=["CAPABILITY_IAM"],
        )
        return answer["Id"]

    @translated
    def proposed(self, change_set: str) -> ChangeSet:
        """Return a change set with all of its changes."""
        answer: Any = self._client.describe_change_set(ChangeSetName=change_set)
        items = list(answer.get("Changes", []))
        status, reason = answer["Status"], answer.get("StatusReason", "")
        while token := answer.get("NextToken"):
            answer = self._client.describe_change_set(ChangeSetName=change_set, NextToken=token)
            items += answer.get("Changes", [])
        rows = (item["ResourceChange"] for item in items if "ResourceChange" in item)
        changes = tuple(
            Change(
                row.get("LogicalResourceId", ""),
                row.get("ResourceType", ""),
                row.get("Action", ""),
                row.get("Replacement", ""),
            )
            for row in rows
        )
        return ChangeSet(change_set, status, reason, changes)

    @translated
    def execute(self, change_set: str) -> None:
        """Call ExecuteChangeSet."""
        self._client.execute_change_set(ChangeSetName=change_set, ClientRequestToken=f"ds-ec2-{uuid.uuid4()}")

    @translated
    def discard(self, change_set: str) -> None:
        """Call DeleteChangeSet."""
        self._client.delete_change_set(ChangeSetName=change_set)

    @translated
    def protect(self, name: str, *, on: bool) -> None:
        """Turn termination protection on or off."""
        self._client.update_termination_protection(StackName=name, EnableTerminationProtection=on)

    @translated
    def remove(self, stack_id: str) -> None:
        """Call DeleteStack."""
        self._client.delete_stack(StackName=stack_id)

    @translated
    def events(self, stack_id: str, after: str = "") -> tuple[Event, ...]:
        """Return a stack's events, oldest first; with `after`, those newer than that event."""
        found: list[Event] = []
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for item in page["StackEvents"]:
                if after and item["EventId"] == after:
                    return tuple(reversed(found))
                found.append(_event(item))
        return tuple(reversed(found))

    @translated
    def last_event(self, stack_id: str) -> str:
        """Return the id of a stack's newest event."""
        return self._client.describe_stack_events(StackName=stack_id)["StackEvents"][0]["EventId"]


def _stack(item: Any) -> Stack:
    return Stack(
        id=item["StackId"],
        name=item["StackName"],
        status=item["StackStatus"],
        reason=item.get("StackStatusReason", ""),
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in item.get("Parameters", [])},
        outputs={one["OutputKey"]: one["OutputValue"] for one in item.get("Outputs", [])},
        tags=tags_of(item.get("Tags", [])),
        created_at=item.get("CreationTime"),
    )


def _event(item: Any) -> Event:
    return Event(
        id=item["EventId"],
        resource=item.get("LogicalResourceId", ""),
        type=item.get("ResourceType", ""),
        status=item.get("ResourceStatus", ""),
        reason=item.get("ResourceStatusReason", ""),
    )
