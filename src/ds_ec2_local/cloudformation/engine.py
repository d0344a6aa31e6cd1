"""The operations that change stacks. Each checks, answers at once, and leaves the work to a deployment."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation import plan, requests, stack_policy
from ds_ec2_local.cloudformation.acts import Acts
from ds_ec2_local.cloudformation.deployment import Deployment
from ds_ec2_local.cloudformation.errors import AlreadyExistsError, ValidationError
from ds_ec2_local.cloudformation.scope import Place
from ds_ec2_local.cloudformation.signals import Signal
from ds_ec2_local.cloudformation.state import Options, Stack, now

if TYPE_CHECKING:
    from ds_ec2_local.cloudformation.clients import Clients
    from ds_ec2_local.cloudformation.signals import Signals
    from ds_ec2_local.cloudformation.state import Caller, Store, Target
    from ds_ec2_local.cloudformation.template import Template

Request = Mapping[str, Any]
Answer = dict[str, Any]

_INITIATED: Final = "User Initiated"
UPDATABLE: Final = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED"}
)


class Engine:
    """CloudFormation for all accounts and regions of a server.

    Args:
        store: The stacks.
        clients: The service APIs.
        signals: Where signals arrive.
    """

    def __init__(self, store: Store, clients: Clients, signals: Signals) -> None:
        self.store = store
        self.clients = clients
        self.signals = signals

    def place(self, caller: Caller) -> Place:
        """Return an account and region as scopes see it."""
        return Place(caller, self.store, self.clients)

    def deployment(self, stack: Stack) -> Deployment:
        """Return what can work on a stack."""
        acts = Acts(stack, self.clients, self.signals)
        return Deployment(stack, self.store, self.place(stack.caller), acts)

    def live(self, caller: Caller, name: str, text: str = "Stack [{}] does not exist") -> Stack:
        """Return a stack that is not deleted.

        Raises:
            ValidationError: There is none.
        """
        stack = self.store.find(caller, name)
        if stack is None or stack.deleted_at is not None:
            raise ValidationError(text.format(name))
        return stack

    def template(self, request: Request, caller: Caller, stack: Stack | None = None) -> Template:
        """Return the template of a request, or the stack's own where the request says so.

        Raises:
            ValidationError: There is none, or it is not in good form.
        """
        found = requests.template_of(request, self.clients, caller)
        if found is None and request.get("UsePreviousTemplate") and stack is not None:
            found = stack.target.template
        if found is None:
            raise ValidationError("Either Template URL or Template Body must be specified.")
        return found

    def target(self, request: Request, caller: Caller, stack: Stack | None = None) -> Target:
        """Return what a request makes of a stack, checked as far as that is possible before the work."""
        place = self.place(caller)
        found = requests.target_of(request, self.template(request, caller, stack), stack, place)
        requests.check_template(found, caller, place)
        return found

    def create_stack(self, caller: Caller, request: Request) -> Answer:
        """CreateStack."""
        name = requests.check_name(request["StackName"])
        options = requests.options_of(request)
        policy = request.get("StackPolicyBody")
        policy = stack_policy.check(policy) if policy else None
        self._refuse_existing(caller, name)
        target = self.target(request, caller)
        plan.check(Stack(caller, name, "", target), target, self.place(caller))
        with self.store.lock:
            self._refuse_existing(caller, name)
            stack = self.store.add(caller, name, target)
            stack.options, stack.policy = options, policy
            stack.protected = bool(request.get("EnableTerminationProtection"))
            stack.become("CREATE_IN_PROGRESS", _INITIATED)
        deployment = self.deployment(stack)
        deployment.start(deployment.create, "CREATE_FAILED")
        return {"StackId": stack.stack_id, "OperationId": stack.operation_id}

    def _refuse_existing(self, caller: Caller, name: str) -> None:
        existing = self.store.find(caller, name)
        if existing is None:
            return
        if existing.status == "REVIEW_IN_PROGRESS":
            raise AlreadyExistsError(f"Stack [{name}] already exists and is in REVIEW_IN_PROGRESS state")
        raise AlreadyExistsError(f"Stack [{name}] already exists")

    def update_stack(self, caller: Caller, request: Request) -> Answer:
        """UpdateStack."""
        stack = self.live(caller, request["StackName"])
        self.refuse_unless_updatable(stack)
        options = requests.options_of(request)
        target = self.target(request, caller, stack)
        if plan.Planner(stack, target, self.place(caller)).plan().empty and stack.status != "UPDATE_FAILED":
            raise ValidationError("No updates are to be performed.")
        if body := request.get("StackPolicyBody"):
            stack.policy = stack_policy.check(body)
        self.begin_update(stack, target, options)
        return {"StackId": stack.stack_id, "OperationId": stack.operation_id}

    def refuse_unless_updatable(self, stack: Stack) -> None:
        """Refuse a stack that is busy, or that can only be deleted."""
        if stack.status not in UPDATABLE:
            raise ValidationError(
                f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            )

    def begin_update(self, stack: Stack, target: Target, options: Options) -> None:
        """Start an update."""
        with self.store.lock:
            self.refuse_unless_updatable(stack)
            before = (stack.target, stack.outputs)
            self._begin(stack, options, "UPDATE_IN_PROGRESS")
            stack.target, stack.updated_at = target, now()
        deployment = self.deployment(stack)
        deployment.start(lambda: deployment.update(target, before), "UPDATE_FAILED")

    @staticmethod
    def _begin(stack: Stack, options: Options, status: str) -> None:
        stack.options, stack.operation_id, stack.cancel = options, str(uuid.uuid4()), threading.Event()
        stack.become(status, _INITIATED)

    def delete_stack(self, caller: Caller, request: Request) -> Answer:
        """DeleteStack; a stack that does not exist is deleted already."""
        stack = self.store.find(caller, request["StackName"])
        if stack is None or stack.deleted_at is not None or stack.status == "DELETE_IN_PROGRESS":
            return {}
        if stack.protected:
            raise ValidationError(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        if stack.busy and not stack.status.startswith("CREATE"):
            raise ValidationError(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
        force = request.get("DeletionMode") == "FORCE_DELETE_STACK"
        retain = frozenset(request.get("RetainResources") or ())
        if (force or retain) and stack.status != "DELETE_FAILED":
            what = "force deletion" if force else "retained resources"
            raise ValidationError(
                f"Invalid operation on stack [{stack.stack_id}]. Only DELETE_FAILED stacks can be"
                f" deleted with"
                f" {what}."
            )
        options = Options(token=request.get("ClientRequestToken"), retain=retain, force=force)
        deployment = self.deployment(stack)
        before = stack.worker if stack.busy else None
        if before is None:
            self._begin(stack, options, "DELETE_IN_PROGRESS")
        else:
            # The creation under way ends with what it has, and is not rolled back: the deletion does that.
            stack.options = dataclasses.replace(options, on_failure="DO_NOTHING")
            stack.cancel.set()
        deployment.start(lambda: deployment.delete(before), "DELETE_FAILED")
        return {}

    def cancel_update_stack(self, caller: Caller, request: Request) -> Answer:
        """CancelUpdateStack."""
        stack = self.live(caller, request["StackName"])
        if stack.status != "UPDATE_IN_PROGRESS":
            raise ValidationError(
                f"CancelUpdateStack cannot be called from current stack status: {stack.status}"
            )
        stack.cancel.set()
        return {}

    def continue_update_rollback(self, caller: Caller, request: Request) -> Answer:
        """ContinueUpdateRollback."""
        stack = self.live(caller, request["StackName"])
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise ValidationError(
                f"Stack:{stack.stack_id} is in {stack.status} state and can not continue rollback."
            )
        skip = frozenset(request.get("ResourcesToSkip") or ())
        if unknown := skip - {resource.logical_id for resource in stack.unfinished}:
            raise ValidationError(f"Cannot skip resources that did not fail to update: {sorted(unknown)}")
        options = Options(token=request.get("ClientRequestToken"))
        with self.store.lock:
            self._begin(stack, options, "UPDATE_ROLLBACK_IN_PROGRESS")
        deployment = self.deployment(stack)
        deployment.start(lambda: deployment.roll_on(skip), "UPDATE_ROLLBACK_FAILED")
        return {}

    def set_stack_policy(self, caller: Caller, request: Request) -> Answer:
        """SetStackPolicy."""
        stack = self.live(caller, request["StackName"])
        if not request.get("StackPolicyBody"):
            raise ValidationError(
                "StackPolicyBody must be specified; a policy at a URL is not supported here"
            )
        stack.policy = stack_policy.check(request["StackPolicyBody"])
        return {}

    def update_termination_protection(self, caller: Caller, request: Request) -> Answer:
        """UpdateTerminationProtection."""
        stack = self.live(caller, request["StackName"])
        stack.protected = bool(request["EnableTerminationProtection"])
        return {"StackId": stack.stack_id}

    def signal_resource(self, caller: Caller, request: Request) -> Answer:
        """SignalResource."""
        stack = self.live(caller, request["StackName"])
        resource = stack.resources.get(request["LogicalResourceId"])
        if resource is None or not resource.status.endswith("_IN_PROGRESS"):
            status = resource.status if resource else "unknown"
            raise ValidationError(
                f"Unable to signal resource {request['LogicalResourceId']}: it is in status {status}"
            )
        succeeded = request["Status"] == "SUCCESS"
        box = self.signals.of_resource(stack.stack_id, resource.logical_id)
        box.put(Signal(request["UniqueId"], succeeded))
        return {}
