"""Stacks as steps: made, waited for and removed, with CloudFormation's events as progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.advice import advice
from ds_ec2.aws.cloudformation import GONE, REVIEWED, Stack
from ds_ec2.aws.errors import AlreadyExistsError
from ds_ec2.aws.refusals import clear
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.names import (
    NETWORK_STACK,
    TAG_MANAGED_BY,
    TAG_NAME,
    TAG_OWNER,
    TAG_PART,
    MachineOutput,
    MachineParameter,
)
from ds_ec2.model.plans import StackAction, StackPlan
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.spot import end_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Event

    Look = Callable[[tuple[Event, ...]], None]

_LEFT_BEHIND: Final = frozenset(
    {
        "CREATE_FAILED",
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "DELETE_IN_PROGRESS",
        "DELETE_FAILED",
    }
)
"""What an earlier try can leave: it is removed (or its removal awaited) before the next."""
_KEPT_TYPES: Final = frozenset({"AWS::EC2::Instance", "AWS::EC2::Volume", "AWS::EC2::VolumeAttachment"})
"""No change of a parameter may replace or remove them: that is asked for by name, and is a sequence."""
_BEGINS_S: Final = 60.0
"""A change set that is executed may take a moment to show in the stack's status."""
_FAILED_BEFORE_GOING_S: Final = 20.0
"""A stack made with OnFailure=DELETE may be seen as CREATE_FAILED for a moment before it goes."""


class StackFailedError(DsEc2Error):
    """A stack could not be made; it removed itself. Caught to take back what was made for it."""


def title(part: str) -> str:
    """Return what a person reads about a stack."""
    return f"{part} stack"


def stack_tags(part: str, owner: str = "", name: str = "") -> dict[str, str]:
    """Return the tags that a stack and all its resources get."""
    tags = {TAG_MANAGED_BY: "ds-ec2", TAG_PART: part}
    return tags | {TAG_OWNER: owner, TAG_NAME: name} if name else tags


def action_for(stack: Stack | None, account: Account) -> StackAction:
    """Return what has to be done so that a stack stands.

    Raises:
        DsEc2Error: Somebody else is changing it, or it is stuck in an update.
    """
    if stack is None or stack.status == GONE:
        return StackAction.MAKE
    if stack.status == "CREATE_IN_PROGRESS":
        return StackAction.WAIT
    if stack.status in _LEFT_BEHIND:
        return StackAction.REMAKE
    if stack.usable:
        return StackAction.KEEP
    raise busy(stack, account)


def busy(stack: Stack, account: Account) -> DsEc2Error:
    """Return the error for a stack that cannot be touched now."""
    where = f"aws cloudformation describe-stack-events --stack-name {stack.name}"
    if stack.status == REVIEWED:
        name = stack.tags.get(TAG_NAME)
        command = f"ds-ec2 down {name}" if name else "ds-ec2 network down"
        return DsEc2Error(
            f"the stack {stack.name} waits for a change set that nobody has executed",
            why=f"its status is {stack.status}: it is empty",
            hint=f"execute the change set, or remove the empty stack: {command}{account.flags}",
        )
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return DsEc2Error(
            f"the stack {stack.name} is stuck half-way back from a failed update",
            why=f"its status is {stack.status} {stack.reason}".strip(),
            hint=f"aws cloudformation continue-update-rollback --stack-name {stack.name}",
        )
    if stack.moving:
        return DsEc2Error(
            f"the stack {stack.name} is being changed by somebody else",
            why=f"its status is {stack.status}",
            hint=f"wait until it is done, then try again: ds-ec2 ls{account.flags}",
        )
    return DsEc2Error(
        f"the stack {stack.name} cannot be used",
        why=f"its status is {stack.status} {stack.reason}".strip(),
        hint=where,
    )


def check_removable(account: Account, *stacks: Stack) -> None:
    """Check that all stacks can be removed, before the first one is.

    Raises:
        DsEc2Error: Somebody is updating one of them.
    """
    for stack in stacks:
        if stack.updated:
            raise busy(stack, account)


def make_stack(
    account: Account,
    plan: StackPlan,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    look: Look | None = None,
) -> Generator[Step, None, Stack]:
    """Make a stack, or use the one that is there, as the plan says; return it complete.

    Args:
        account: The account.
        plan: What to do.
        parameters: The stack's parameters.
        tags: The stack's tags.
        look: Shown the stack's new events, at each look; what it raises ends the wait.

    Raises:
        StackFailedError: It failed; nothing of it stays.
        DsEc2Error: It cannot be made.
    """
    from ds_ec2.templates import template

    begun = time.monotonic()
    there = account.stacks.find(plan.name)
    if there and (there.status in _LEFT_BEHIND or plan.action is StackAction.REMAKE):
        yield from remove_stack(account, there, plan.part)
        there = None
    if there and there.usable:
        yield _step(plan.part, StepState.DONE, begun, "there already")
        return there
    stack_id = there.id if there else ""
    if not stack_id:
        yield _step(plan.part, StepState.RUNNING, begun, "asked for")
        try:
            stack_id = account.stacks.make(plan.name, template(plan.part), parameters, tags)
        except AlreadyExistsError:
            # Somebody was faster in the last second. A network is shared: theirs is as good as ours.
            there = account.stacks.find(plan.name)
            if plan.name != NETWORK_STACK or there is None:
                raise
            stack_id = there.id
    stack = yield from follow(account, stack_id, plan.part, begun, look=look)
    if not stack.usable:
        end_requests(account, plan.name, parameters)
        yield _step(plan.part, StepState.FAILED, begun, stack.status)
        raise _failure(account, stack, plan)
    account.stacks.protect(stack.name, on=True)
    yield _step(plan.part, StepState.DONE, begun)
    return stack


def remove_stack(account: Account, stack: Stack, part: str) -> Generator[Step, None, None]:
    """Remove a stack and wait until it is gone.

    Raises:
        DsEc2Error: CloudFormation could not remove something, with its reason.
    """
    begun = time.monotonic()
    key = f"remove-{part}"
    if stack.status == "ROLLBACK_IN_PROGRESS":
        stack = yield from follow(account, stack.id, key, begun)
    check_removable(account, stack)
    after = ""
    own = stack.outputs.get(MachineOutput.INSTANCE, "")
    name, parameters = stack.name, stack.parameters
    end_requests(account, name, parameters, own)
    if stack.status != GONE:
        after = account.stacks.last_event(stack.id)
        if stack.status != "DELETE_IN_PROGRESS":
            if stack.status != REVIEWED:
                account.stacks.protect(stack.name, on=False)
            account.stacks.remove(stack.id)
        stack = yield from follow(account, stack.id, key, begun, after)
    if stack.status != GONE:
        yield _step(key, StepState.FAILED, begun, stack.status)
        reasons = _reasons(account.stacks.events(stack.id, after))
        raise DsEc2Error(
            f"the stack {stack.name} could not be removed",
            why="\n".join(reasons) or stack.reason or stack.status,
            hint=f"aws cloudformation describe-stack-events --stack-name {stack.name}",
        )
    end_requests(account, name, parameters, own)
    yield _step(key, StepState.DONE, begun)


def follow(
    account: Account, stack_id: str, key: str, begun: float, after: str = "", *, look: Look | None = None
) -> Generator[Step, None, Stack]:
    """Yield a stack's events until it rests, and return it."""
    failed_since: float | None = None
    while True:
        stack = account.stacks.find(stack_id) or Stack(stack_id, stack_id, GONE)
        events = account.stacks.events(stack_id, after)
        if look:
            look(events)
        for event in events:
            after = event.id
            yield _step(key, StepState.RUNNING, begun, _words(event))
        if stack.status == "CREATE_FAILED":
            failed_since = failed_since or time.monotonic()
            if time.monotonic() - failed_since > _FAILED_BEFORE_GOING_S:
                return stack
        elif not stack.moving:
            return stack
        time.sleep(account.poll_s)


def _words(event: Event) -> str:
    words = event.status.lower().replace("_", " ")
    return f"{event.type} {event.resource} {words}" + (f": {event.reason}" if event.reason else "")


def _reasons(events: tuple[Event, ...]) -> list[str]:
    """Return why it failed: the causes, once each, in the order they happened."""
    return list(dict.fromkeys(filter(None, (event.failure for event in events))))


def _failure(account: Account, stack: Stack, plan: StackPlan) -> StackFailedError:
    reasons = _reasons(account.stacks.events(stack.id))
    # The stack's own line repeats the names of the resources that failed.
    causes = [reason for reason in reasons if "AWS::CloudFormation::Stack" not in reason] or reasons
    why = clear("\n".join(causes) or stack.reason or stack.status, account.identity.decoded)
    meaning, hint = advice(why)
    kind = dict(plan.parameters).get(MachineParameter.INSTANCE_TYPE, "")
    hint = hint.replace("--instance-type TYPE", f"--instance-type {kind}{account.flags}")
    stays = "nothing of it stays" if stack.status == GONE else f"it is {stack.status}"
    return StackFailedError(
        f"the {title(plan.part)} {plan.name} could not be made ({stays})"
        + (f": {meaning}" if meaning else ""),
        why=why,
        hint=hint or f"aws cloudformation describe-stack-events --stack-name {stack.id}",
    )


def change_stack(
    account: Account,
    name: str,
    parameters: Mapping[str, str],
    part: str = "machine",
    *,
    conditional: bool = False,
) -> Generator[Step, None, Stack]:
    """Give some parameters of a stack other values, through a change set that is looked at first.

    Args:
        account: The account.
        name: The stack.
        parameters: New values.
        part: What it is.
        conditional: Make a change too that CloudFormation cannot tell beforehand to be in place, as that of
            an instance's type. The stack's policy denies it a replacement.

    Raises:
        DsEc2Error: It would replace or remove the instance or a volume; or it failed, and CloudFormation took
            it back.
    """
    begun = time.monotonic()
    stack = account.stacks.find(name)
    if stack is None or not stack.usable:
        raise busy(stack or Stack(name, name, GONE), account)
    yield _step(part, StepState.RUNNING, begun, "asked what would change")
    proposal = account.stacks.propose(stack, parameters)
    while (found := account.stacks.proposed(proposal)).moving:
        time.sleep(account.poll_s)
    if found.empty:
        account.stacks.discard(proposal)
        yield _step(part, StepState.DONE, begun, "unchanged")
        return stack
    kept = [one for one in found.changes if one.type in _KEPT_TYPES]
    touched = [one for one in kept if not one.in_place(conditional=conditional)]
    if touched or found.status != "CREATE_COMPLETE":
        account.stacks.discard(proposal)
        yield _step(part, StepState.FAILED, begun, found.reason)
        each = ", ".join(f"{one.action} {one.resource} ({one.type})" for one in touched)
        raise DsEc2Error(
            f"the stack {name} was not changed",
            why=f"it would not keep what is there: {each}" if touched else found.reason,
            hint=f"ds-ec2 ls{account.flags}",
        )
    after = account.stacks.last_event(stack.id)
    account.stacks.execute(proposal)
    while account.stacks.last_event(stack.id) == after and time.monotonic() - begun < _BEGINS_S:
        time.sleep(account.poll_s)
    stack = yield from follow(account, stack.id, part, begun, after)
    if stack.status != "UPDATE_COMPLETE":
        yield _step(part, StepState.FAILED, begun, stack.status)
        raise DsEc2Error(
            f"the stack {name} was not changed",
            why="\n".join(_reasons(account.stacks.events(stack.id, after))) or stack.reason,
            hint=f"aws cloudformation describe-stack-events --stack-name {name}",
        )
    yield _step(part, StepState.DONE, begun)
    return stack


def _step(key: str, state: StepState, begun: float, detail: str = "") -> Step:
    name = f"remove {title(key.removeprefix('remove-'))}" if key.startswith("remove-") else title(key)
    return Step(key, name, state, detail, time.monotonic() - begun)
