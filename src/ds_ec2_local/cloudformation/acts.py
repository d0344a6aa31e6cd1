"""One resource made, changed or deleted, with its events; failures become reasons."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ds_ec2_local.cloudformation import resources, schemas
from ds_ec2_local.cloudformation.errors import Refused, ResourceCancelled, ResourceFailure, ServiceError
from ds_ec2_local.cloudformation.state import Resource, Stack, now
from ds_ec2_local.cloudformation.work import Made, Work

if TYPE_CHECKING:
    from ds_ec2_local.cloudformation.clients import Clients
    from ds_ec2_local.cloudformation.signals import Signal, Signals
    from ds_ec2_local.cloudformation.template import Definition

_GONE: Final = re.compile(r"NotFound|NoSuch|^404$|ResourceNotFoundException|DoesNotExist|\.Unknown$")
"""Codes by which services say that what is to be deleted is not there."""
_DURATION: Final = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


class Acts:
    """What a stack does to its resources."""

    def __init__(self, stack: Stack, clients: Clients, signals: Signals) -> None:
        self._stack = stack
        self._clients = clients
        self._signals = signals

    def note(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """Give a resource a status, and say so in an event."""
        resource.status, resource.reason, resource.changed_at = status, reason, now()
        self._stack.record(resource.logical_id, resource.type, resource.physical_id, status, reason)

    def create(self, resource: Resource, verb: str = "CREATE") -> None:
        """Make a resource; its record gets physical id and attributes.

        Args:
            resource: Its properties and tags are as wanted.
            verb: CREATE, or UPDATE where it replaces another.

        Raises:
            ResourceFailure: It could not be made; with a physical id there is something to delete.
        """
        begun: list[str] = []

        def begin(physical_id: str) -> None:
            resource.physical_id = physical_id
            if not begun:
                begun.append(physical_id)
                self.note(resource, f"{verb}_IN_PROGRESS", "Resource creation Initiated")

        self._signals.forget_resource(self._stack.stack_id, resource.logical_id)
        work = self._work(resource, begin)
        made = self._attempt(lambda: self._make(work))
        begin(made.physical_id)
        resource.physical_id, resource.attributes = made.physical_id, dict(made.attributes)
        self._await_signals(resource, verb)

    def _make(self, work: Work) -> Made:
        check_properties(work.definition, work.properties)
        return resources.handler(work.definition.type).create(work)

    def update(self, resource: Resource, before: Resource, *, rollback: bool = False) -> None:
        """Change a resource in place from `before` to what its record says.

        Raises:
            ResourceFailure: It could not be changed.
            ReplacementNeeded: It cannot be changed in place.
        """
        work = self._work(resource, lambda _physical_id: None)
        work.physical_id, work.old, work.old_tags = before.physical_id, before.properties, before.tags
        work.rollback = rollback

        def change() -> Made:
            check_properties(work.definition, work.properties)
            return resources.handler(resource.type).update(work)

        made = self._attempt(change)
        resource.physical_id, resource.attributes = made.physical_id, dict(made.attributes)

    def delete(self, resource: Resource, *, retain: bool = False) -> bool:
        """Delete a resource, or leave it where its policy or the caller says so; tell whether it is gone."""
        policy = resource.definition.deletion_policy
        if retain or (policy not in {"Delete", "Snapshot"}):
            self.note(resource, "DELETE_SKIPPED")
            return True
        self.note(resource, "DELETE_IN_PROGRESS")
        if resource.physical_id:
            work = self._work(resource, lambda _physical_id: None)
            work.physical_id = resource.physical_id
            try:
                self._attempt(lambda: self._unmake(work, snapshot=policy == "Snapshot"))
            except ResourceFailure as failure:
                self.note(resource, "DELETE_FAILED", str(failure))
                return False
        self.note(resource, "DELETE_COMPLETE")
        return True

    def _unmake(self, work: Work, *, snapshot: bool) -> Made:
        handler = resources.handler(work.definition.type)
        try:
            if snapshot:
                handler.snapshot(work)
            handler.delete(work)
        except ClientError as error:
            if not _GONE.search(error.response["Error"]["Code"]):
                raise
        return Made(work.physical_id)

    def _work(self, resource: Resource, begun: Any) -> Work:
        stack = self._stack
        system = {
            "aws:cloudformation:stack-name": stack.name,
            "aws:cloudformation:stack-id": stack.stack_id,
            "aws:cloudformation:logical-id": resource.logical_id,
        }
        return Work(
            stack=stack,
            definition=resource.definition,
            clients=self._clients,
            signals=self._signals,
            properties=resource.properties,
            tags=resource.tags,
            system_tags=system if schemas.schema(resource.type).system_tags else {},
            begun=begun,
            physical_id=resource.physical_id,
        )

    def _attempt(self, act: Any) -> Made:
        """Run a handler; what a service refuses becomes the reason in CloudFormation's words."""
        try:
            made: Made = act()
        except ResourceCancelled:
            raise
        except ClientError as error:
            raise ResourceFailure(_handler_message(error)) from error
        except (BotoCoreError, ServiceError, KeyError, TypeError, ValueError) as error:
            raise ResourceFailure(
                f'Resource handler returned message: "{type(error).__name__}: {error}"'
                f" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: InvalidRequest)"
            ) from error
        return made

    def _await_signals(self, resource: Resource, verb: str) -> None:
        wanted = resource.definition.creation_policy.get("ResourceSignal")
        if wanted is None:
            return
        count = int(wanted.get("Count", 1))

        def seen(signal: Signal) -> None:
            said = "SUCCESS" if signal.succeeded else "FAILURE"
            self.note(
                resource, f"{verb}_IN_PROGRESS", f"Received {said} signal with UniqueId {signal.unique_id}"
            )

        box = self._signals.of_resource(self._stack.stack_id, resource.logical_id)
        signals = box.wait(count, seconds(wanted.get("Timeout", "PT5M")), self._stack.cancel, seen)
        failures = [signal for signal in signals if not signal.succeeded]
        if failures:
            raise ResourceFailure(
                f"Received {len(failures)} FAILURE signal(s) out of {count}."
                " Unable to satisfy 100% MinSuccessfulInstancesPercent requirement"
            )
        if len(signals) < count:
            raise ResourceFailure(
                f"Failed to receive {count - len(signals)} resource signal(s) within the specified duration"
            )


def seconds(text: Any) -> float:
    """Return the seconds of an ISO 8601 duration such as `PT15M`."""
    match = _DURATION.fullmatch(str(text))
    if match is None or not any(match.groups()):
        raise ResourceFailure(f"Invalid duration {text}: it is written as PT15M")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def check_properties(definition: Definition, properties: dict[str, Any]) -> None:
    """Refuse properties that the type does not have, and those that its handler would ignore.

    Raises:
        Refused: With the reason.
    """
    faults = schemas.schema(definition.type).faults(properties)
    if faults:
        raise Refused(
            f"Properties validation failed for resource {definition.logical_id} with message:\n"
            + "\n".join(faults)
        )
    accepts = resources.handler(definition.type).accepts
    if accepts is not None and (ignored := sorted(properties.keys() - accepts - {"Tags"})):
        raise Refused(f"The embedded AWS does not support {', '.join(ignored)} of {definition.type}")


def _handler_message(error: ClientError) -> str:
    metadata = error.response.get("ResponseMetadata", {})
    detail = error.response["Error"]
    code = detail.get("Code", "")
    kind = "AlreadyExists" if re.search("AlreadyExists|Duplicate|AlreadyOwned", code) else "InvalidRequest"
    if _GONE.search(code):
        kind = "NotFound"
    return (
        f'Resource handler returned message: "{detail.get("Message", "")} (Service: AWS, Error Code: {code},'
        f' Status Code: {metadata.get("HTTPStatusCode", 400)})"'
        f" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {kind})"
    )
