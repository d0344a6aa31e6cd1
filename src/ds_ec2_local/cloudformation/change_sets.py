"""Change sets: looked at first, executed after."""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation import plan, requests
from ds_ec2_local.cloudformation.errors import (
    AlreadyExistsError,
    ChangeSetNotFoundError,
    InvalidChangeSetStatusError,
    ValidationError,
)
from ds_ec2_local.cloudformation.state import ChangeSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.cloudformation.engine import Engine
    from ds_ec2_local.cloudformation.state import Caller, Stack

NO_CHANGE: Final = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class ChangeSets:
    """The operations on change sets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_change_set(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """CreateChangeSet; it is ready when this answers."""
        kind = request.get("ChangeSetType") or "UPDATE"
        if kind not in {"CREATE", "UPDATE"} or request.get("ResourcesToImport"):
            raise ValidationError(f"Change sets of type {kind} are not supported by the embedded AWS")
        stack = self._stack(caller, requests.check_name(_name(request["StackName"])), kind)
        name = request["ChangeSetName"]
        if stack is not None and name in stack.change_sets:
            raise AlreadyExistsError(f"ChangeSet {name} already exists")
        creating = stack is None or stack.status == "REVIEW_IN_PROGRESS"
        target = self._engine.target(request, caller, None if creating else stack)
        with self._engine.store.lock:
            if stack is None:
                stack = self._engine.store.add(caller, request["StackName"], target)
                stack.become("REVIEW_IN_PROGRESS", "User Initiated")
        found = plan.Planner(stack, target, self._engine.place(caller)).plan()
        empty = found.empty and not creating
        caller_place = f"{caller.region}:{caller.account}"
        change_set = ChangeSet(
            change_set_id=f"arn:aws:cloudformation:{caller_place}:changeSet/{name}/{uuid.uuid4()}",
            name=name,
            stack_id=stack.stack_id,
            stack_name=stack.name,
            kind=kind,
            target=target,
            changes=tuple(change.document() for change in found.changes),
            status="FAILED" if empty else "CREATE_COMPLETE",
            execution_status="UNAVAILABLE" if empty else "AVAILABLE",
            reason=NO_CHANGE if empty else None,
            description=request.get("Description"),
            options=requests.options_of(request),
        )
        stack.change_sets[name] = change_set
        return {"Id": change_set.change_set_id, "StackId": stack.stack_id}

    def _stack(self, caller: Caller, name: str, kind: str) -> Stack | None:
        stack = self._engine.store.find(caller, name)
        if stack is not None and stack.deleted_at is not None:
            stack = None
        if kind == "CREATE":
            if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                raise ValidationError(
                    f"Stack [{name}] already exists and cannot be created again with the changeSet [CREATE]"
                )
            return stack
        if stack is None:
            raise ValidationError(f"Stack [{name}] does not exist")
        self._engine.refuse_unless_updatable(stack)
        return stack

    def find(self, caller: Caller, request: Mapping[str, Any]) -> tuple[Stack, ChangeSet]:
        """Return a change set by its ARN, or by its name and its stack's.

        Raises:
            ChangeSetNotFoundError: There is none.
        """
        wanted = request["ChangeSetName"]
        if wanted.startswith("arn:"):
            stacks = self._engine.store.all(caller)
        else:
            found = self._engine.store.find(caller, request.get("StackName") or "")
            if found is None:
                raise ValidationError(f"Stack [{request.get('StackName')}] does not exist")
            stacks = [found]
        for stack in stacks:
            for change_set in stack.change_sets.values():
                if wanted in {change_set.change_set_id, change_set.name}:
                    return stack, change_set
        raise ChangeSetNotFoundError(f"ChangeSet [{wanted}] does not exist")

    def execute_change_set(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """ExecuteChangeSet."""
        stack, change_set = self.find(caller, request)
        if change_set.execution_status != "AVAILABLE":
            raise InvalidChangeSetStatusError(
                f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current status of"
                f" [{change_set.status}]"
            )
        options = dataclasses.replace(change_set.options, token=request.get("ClientRequestToken"))
        if request.get("DisableRollback"):
            options = dataclasses.replace(options, on_failure="DO_NOTHING")
        if request.get("RetainExceptOnCreate"):
            options = dataclasses.replace(options, retain_except_on_create=True)
        if stack.status == "REVIEW_IN_PROGRESS":
            with self._engine.store.lock:
                stack.target, stack.options = change_set.target, options
                stack.become("CREATE_IN_PROGRESS", "User Initiated")
            deployment = self._engine.deployment(stack)
            deployment.start(deployment.create, "CREATE_FAILED")
        else:
            self._engine.begin_update(stack, change_set.target, options)
        stack.change_set_id = change_set.change_set_id
        # Executing one deletes all: they were made against what the stack was.
        stack.change_sets.clear()
        return {}

    def delete_change_set(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """DeleteChangeSet; one that is gone already is no error."""
        try:
            stack, change_set = self.find(caller, request)
        except ChangeSetNotFoundError:
            return {}
        del stack.change_sets[change_set.name]
        return {}

    def describe_change_set(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeChangeSet."""
        _, change_set = self.find(caller, request)
        changes = [dict(change) for change in change_set.changes]
        if not request.get("IncludePropertyValues"):
            plain = {"BeforeContext": None, "AfterContext": None}
            changes = [{**c, "ResourceChange": {**c["ResourceChange"], **plain}} for c in changes]
        target = change_set.target
        return {
            **_summary(change_set),
            "Parameters": [
                {
                    "ParameterKey": p.name,
                    "ParameterValue": "****" if p.hidden else p.text,
                    "ResolvedValue": p.resolved,
                }
                for p in target.parameters.values()
            ],
            "NotificationARNs": list(target.notification_arns),
            "Capabilities": list(target.capabilities),
            "Tags": [{"Key": key, "Value": value} for key, value in target.tags.items()],
            "Changes": changes,
            "OnStackFailure": change_set.options.on_failure,
        }

    def list_change_sets(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListChangeSets."""
        stack = self._engine.live(caller, request["StackName"])
        return {"Summaries": [_summary(change_set) for change_set in stack.change_sets.values()]}


def _name(name_or_id: str) -> str:
    return name_or_id.split("/")[1] if name_or_id.startswith("arn:") else name_or_id


def _summary(change_set: ChangeSet) -> dict[str, Any]:
    return {
        "ChangeSetName": change_set.name,
        "ChangeSetId": change_set.change_set_id,
        "StackId": change_set.stack_id,
        "StackName": change_set.stack_name,
        "Description": change_set.description,
        "CreationTime": change_set.created_at,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "StatusReason": change_set.reason,
    }
