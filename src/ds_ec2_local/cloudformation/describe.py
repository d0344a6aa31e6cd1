"""The operations that only read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation import requests
from ds_ec2_local.cloudformation.errors import ValidationError
from ds_ec2_local.cloudformation.pages import page
from ds_ec2_local.cloudformation.parameters import HIDDEN, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.cloudformation.engine import Engine
    from ds_ec2_local.cloudformation.state import Caller, Event, Resource, Stack

_MISSING: Final = "Stack with id {} does not exist"


class Descriptions:
    """What can be asked of stacks, templates and exports."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _any(self, caller: Caller, name: str, text: str = _MISSING) -> Stack:
        """Return a stack, also a deleted one if its id is given."""
        stack = self._engine.store.find(caller, name)
        if stack is None:
            raise ValidationError(text.format(name))
        return stack

    def describe_stacks(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeStacks."""
        if name := request.get("StackName"):
            return {"Stacks": [_stack(self._any(caller, name))]}
        live = [stack for stack in self._engine.store.all(caller) if stack.deleted_at is None]
        return page("Stacks", [_stack(stack) for stack in live], request)

    def list_stacks(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListStacks: deleted ones too."""
        wanted = request.get("StackStatusFilter")
        stacks = [s for s in self._engine.store.all(caller) if not wanted or s.status in wanted]
        summaries = [
            {
                "StackId": stack.stack_id,
                "StackName": stack.name,
                "TemplateDescription": stack.target.template.document.get("Description"),
                "CreationTime": stack.created_at,
                "LastUpdatedTime": stack.updated_at,
                "DeletionTime": stack.deleted_at,
                "StackStatus": stack.status,
                "StackStatusReason": stack.reason,
                "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            }
            for stack in stacks
        ]
        return page("StackSummaries", summaries, request)

    def describe_stack_events(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeStackEvents: the newest first."""
        stack = self._any(caller, request["StackName"], "Stack [{}] does not exist")
        return page("StackEvents", [_event(stack, event) for event in reversed(stack.events)], request)

    def describe_events(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeEvents: the same, of one operation or filtered to failures."""
        stack = self._any(caller, request.get("StackName") or "", "Stack [{}] does not exist")
        events = list(reversed(stack.events))
        if operation := request.get("OperationId"):
            events = [event for event in events if event.operation_id == operation]
        if (request.get("Filters") or {}).get("FailedEvents"):
            events = [event for event in events if event.status.endswith("_FAILED")]
        rows = [
            {
                **_event(stack, event),
                "OperationId": event.operation_id,
                "EventType": "STACK_EVENT",
                "StackName": None,
            }
            for event in events
        ]
        return page("OperationEvents", rows, request)

    def describe_stack_resource(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeStackResource."""
        stack = self._any(caller, request["StackName"], "Stack '{}' does not exist")
        resource = stack.resources.get(request["LogicalResourceId"])
        if resource is None:
            raise ValidationError(
                f"Resource {request['LogicalResourceId']} does not exist for stack {stack.name}"
            )
        detail = _resource(resource) | {
            "StackName": stack.name,
            "StackId": stack.stack_id,
            "Metadata": json.dumps(resource.definition.metadata or {}),
        }
        return {"StackResourceDetail": detail}

    def describe_stack_resources(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeStackResources: of a stack, or of the stack that a physical id belongs to."""
        if physical_id := request.get("PhysicalResourceId"):
            stacks = self._engine.store.all(caller)
            owners = [s for s in stacks if any(r.physical_id == physical_id for r in s.resources.values())]
            if not owners:
                raise ValidationError(f"Stack for {physical_id} does not exist")
            stack = owners[0]
        else:
            stack = self._any(caller, request.get("StackName") or "")
        wanted = request.get("LogicalResourceId")
        rows = []
        for resource in list(stack.resources.values()):
            if wanted in {None, resource.logical_id}:
                row = _resource(resource)
                row |= {"StackName": stack.name, "StackId": stack.stack_id, "Timestamp": resource.changed_at}
                rows.append(row)
        return {"StackResources": rows}

    def list_stack_resources(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListStackResources."""
        stack = self._any(caller, request["StackName"])
        rows = [_resource(resource) for resource in list(stack.resources.values())]
        return page("StackResourceSummaries", rows, request)

    def list_exports(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListExports."""
        rows = [
            {"ExportingStackId": stack.stack_id, "Name": output.export, "Value": output.value}
            for stack, output in self._engine.store.exports(caller)
        ]
        return page("Exports", rows, request)

    def list_imports(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListImports."""
        name = request["ExportName"]
        users = [stack.name for stack in self._engine.store.importers(caller, name)]
        if not users:
            raise ValidationError(f"Export '{name}' is not imported by any stack.")
        return page("Imports", users, request)

    def get_template(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """GetTemplate: the text as it was given."""
        stack = self._any(caller, request.get("StackName") or "")
        template = stack.target.template
        if wanted := request.get("ChangeSetName"):
            for change_set in stack.change_sets.values():
                if wanted in {change_set.name, change_set.change_set_id}:
                    template = change_set.target.template
        return {"TemplateBody": template.body, "StagesAvailable": ["Original", "Processed"]}

    def get_stack_policy(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """GetStackPolicy."""
        return {"StackPolicyBody": self._any(caller, request["StackName"]).policy}

    def validate_template(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """ValidateTemplate."""
        summary = self.get_template_summary(caller, request)
        names = ("ParameterKey", "DefaultValue", "NoEcho", "Description")
        summary["Parameters"] = [{name: row[name] for name in names} for row in summary["Parameters"]]
        return summary

    def get_template_summary(self, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
        """GetTemplateSummary, of a template or of a stack's."""
        stack = self._any(caller, request["StackName"]) if request.get("StackName") else None
        template = stack.target.template if stack else self._engine.template(request, caller)
        capabilities = requests.capabilities_of(template)
        kinds = sorted({entry.type for entry in template.resources.values()})
        named = ", ".join(kind for kind in kinds if "::IAM::" in kind)
        reason = f"The following resource(s) require capabilities: [{named}]"
        return {
            "Parameters": [_declared(n, d) for n, d in template.section("Parameters").items()],
            "Description": template.document.get("Description"),
            "Capabilities": list(capabilities),
            "CapabilitiesReason": reason if capabilities else None,
            "ResourceTypes": kinds,
            "Version": str(template.document.get("AWSTemplateFormatVersion", "2010-09-09")),
            "Metadata": json.dumps(template.document["Metadata"])
            if template.document.get("Metadata")
            else None,
            "DeclaredTransforms": [],
            "ResourceIdentifierSummaries": [],
        }

    def describe_account_limits(self, _caller: Caller, _request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeAccountLimits."""
        return {
            "AccountLimits": [
                {"Name": "StackLimit", "Value": 2000},
                {"Name": "StackOutputsLimit", "Value": 200},
            ]
        }


def _declared(name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    default = declared.get("Default")
    allowed = [text_of(value) for value in declared.get("AllowedValues") or ()]
    return {
        "ParameterKey": name,
        "DefaultValue": None if default is None else text_of(default),
        "ParameterType": declared.get("Type"),
        "NoEcho": str(declared.get("NoEcho", "")).lower() == "true",
        "Description": declared.get("Description"),
        "ParameterConstraints": {"AllowedValues": allowed},
    }


def _stack(stack: Stack) -> dict[str, Any]:
    target = stack.target
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "ChangeSetId": stack.change_set_id,
        "Description": target.template.document.get("Description"),
        "Parameters": [
            {
                "ParameterKey": parameter.name,
                "ParameterValue": HIDDEN if parameter.hidden else parameter.text,
                "ResolvedValue": parameter.resolved,
            }
            for parameter in target.parameters.values()
        ],
        "CreationTime": stack.created_at,
        "DeletionTime": stack.deleted_at,
        "LastUpdatedTime": stack.updated_at,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": stack.options.on_failure == "DO_NOTHING",
        "NotificationARNs": list(target.notification_arns),
        "Capabilities": list(target.capabilities),
        "Outputs": [
            {
                "OutputKey": output.key,
                "OutputValue": output.value,
                "Description": output.description,
                "ExportName": output.export,
            }
            for output in stack.outputs
        ],
        "RoleARN": target.role_arn,
        "Tags": [{"Key": key, "Value": value} for key, value in target.tags.items()],
        "EnableTerminationProtection": stack.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _event(stack: Stack, event: Event) -> dict[str, Any]:
    return {
        "StackId": stack.stack_id,
        "EventId": event.event_id,
        "StackName": stack.name,
        "OperationId": event.operation_id,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.at,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ClientRequestToken": event.token,
    }


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id or None,
        "ResourceType": resource.type,
        "LastUpdatedTimestamp": resource.changed_at,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
