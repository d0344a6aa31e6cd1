"""`env`: the environment of a machine, changed without making the machine again."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.environment import Difference, EnvironmentPlan, EnvironmentResult, EnvironmentState
from ds_ec2.model.machine import Machine, MachineStatus
from ds_ec2.model.names import SSM_PACKAGES, SSM_SETTINGS, MachineParameter, ssm_path
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.archives import key_of, value_of
from ds_ec2.operations.control import BrokenOffError, ControlError, answers, ask
from ds_ec2.operations.machines import find, reachable
from ds_ec2.operations.stacks import change_stack

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.environment import Document

_SOLVE_S: Final = 600.0
"""A resolver is silent until it is done; a large environment.yml takes minutes."""
_TRIES: Final = 6
"""The control program is up again a second after it was restarted."""
_RESTING: Final = frozenset({MachineStatus.STOPPED, MachineStatus.STOPPING})


def plan_environment(account: Account, name: str, document: Document | None) -> EnvironmentPlan:
    """Return what `env apply` would do: the machine resolves, and nothing is changed.

    A document's archive is put into the bucket for that, under the name of its hash. None means the document
    that the stack has: what a failed bootstrap left undone, or `cdk deploy` changed.

    Raises:
        UsageError: The machine's packages are not the command line's to change.
        DsEc2Error: The machine is being made or is gone, or the document cannot be resolved.
    """
    machine = find(account, name)
    if machine.status not in _RESTING:
        reachable(account, machine)
    before = account.parameters.get(ssm_path(machine.stack, SSM_PACKAGES)) or "#"
    plan = EnvironmentPlan(machine, "the stack's", before, before)
    if document:
        _check_own(account, machine)
        plan = replace(plan, source=document.source, value=value_of(document, machine.stack))
        if key := key_of(document, machine.stack):
            plan = replace(plan, bucket=_bucket(account, machine), key=key, archive=document.archive)
    if machine.status in _RESTING:
        return replace(plan, notes=(f"{machine.name} is {machine.status.value}: the next start applies it",))
    if plan.key:
        account.buckets.put(plan.bucket, plan.key, plan.archive)
    try:
        told = ask(account, machine, "environment-plan", timeout_s=_SOLVE_S, document=plan.value)
    except ControlError as error:
        raise DsEc2Error(
            f"{plan.source} cannot be had on {machine.name}", why=error.why, hint=error.hint
        ) from error
    return replace(
        plan,
        difference=_difference(told),
        same=bool(told.get("same")),
        kept=bool(told.get("kept")),
        python=tuple(told.get("python", ("", ""))),
    )


def apply_environment(account: Account, plan: EnvironmentPlan) -> Generator[Step, None, EnvironmentResult]:
    """Change the stack's document, then the machine's environment; its log comes as steps.

    Raises:
        DsEc2Error: Either failed. The environment before works, and the stack names its document again.
    """
    machine = plan.machine
    if plan.key and plan.difference is None:
        account.buckets.put(plan.bucket, plan.key, plan.archive)
    changed = plan.value.strip() != plan.before.strip()
    if changed:
        yield from change_stack(account, machine.stack, {MachineParameter.PACKAGES: plan.value})
    if plan.difference is None or plan.nothing:
        return EnvironmentResult(machine.name, plan.difference, None)
    try:
        return (yield from _on_the_machine(account, plan))
    except BrokenOffError as error:
        raise DsEc2Error(
            f"{machine.name} no longer answers; the stack names the new document, and the apply may go on",
            why=error.why,
            hint=f"ds-ec2 env show {machine.name}{account.flags}",
        ) from error
    except ControlError as error:
        stays = "the stack is unchanged"
        if changed:
            yield from change_stack(account, machine.stack, {MachineParameter.PACKAGES: plan.before})
            stays = "the stack names its document again"
        raise DsEc2Error(
            f"the environment of {machine.name} was not changed: the one before works, and {stays}",
            why=error.why,
            hint=f"ds-ec2 env show {machine.name}{account.flags}",
        ) from error


def show_environment(account: Account, name: str) -> EnvironmentState:
    """Return what is in force on a machine that runs."""
    machine = reachable(account, find(account, name))
    told = ask(account, machine, "environment")
    wanted = account.parameters.get(ssm_path(machine.stack, SSM_PACKAGES)) or ""
    last: dict[str, Any] = told.get("apply") or {}
    document = str(told.get("document", ""))
    return EnvironmentState(
        machine=machine.name,
        finished=bool(told.get("finished")),
        kind=str(told.get("kind", "")),
        sha256=str(told.get("sha256", "")),
        document=document,
        python=str(told.get("python", "")),
        applied_at=told.get("applied_at"),
        packages=dict(sorted(told.get("packages", {}).items())),
        apply_state=str(last.get("state", "")),
        apply_error=str(last.get("error", "")),
        stack_differs=bool(document) and document.strip() != wanted.strip(),
    )


def lock_environment(account: Account, name: str) -> str:
    """Return what is in force as a requirements file, or as the environment.yml that makes it again.

    Raises:
        DsEc2Error: The machine does not run, or something is installed that no index has.
    """
    machine = reachable(account, find(account, name))
    lines: list[str] = []
    python = ""
    try:
        for answer in answers(account, machine, "environment-lock", {}, _SOLVE_S):
            if "line" in answer:
                lines.append(str(answer["line"]))
            python = str((answer.get("result") or {}).get("python", python))
    except ControlError as error:
        raise DsEc2Error(
            f"the environment of {machine.name} cannot be locked", why=error.why, hint=error.hint
        ) from error
    head = f"# What {machine.name} has (Python {python}); made by: ds-ec2 env lock {machine.name}"
    return "\n".join([head, *lines]) + "\n"


def _on_the_machine(account: Account, plan: EnvironmentPlan) -> Generator[Step, None, EnvironmentResult]:
    """Yield the machine's log until it is done.

    Raises:
        ControlError: It failed, in the resolver's own words.
    """
    machine, begun = plan.machine, time.monotonic()
    title = f"environment of {machine.name}"
    yield Step("environment", title, StepState.RUNNING)
    result: dict[str, Any] | None = None
    broken = 0
    try:
        while result is None:
            try:
                for answer in answers(account, machine, "environment-apply", {"document": plan.value}):
                    if "line" in answer:
                        yield Step("log", str(answer["line"]), StepState.LOG)
                    result = answer.get("result", result)
            except BrokenOffError:
                # The apply goes on without its listener; asking again follows it.
                broken += 1
                if broken > _TRIES:
                    raise
                time.sleep(broken)
    except ControlError:
        yield Step("environment", title, StepState.FAILED, "", time.monotonic() - begun)
        raise
    yield Step("environment", title, StepState.DONE, "", time.monotonic() - begun)
    return EnvironmentResult(machine.name, _difference(result), result.get("seconds"))


def _difference(told: dict[str, Any]) -> Difference:
    changed = {name: (str(old), str(new)) for name, (old, new) in told.get("changed", {}).items()}
    return Difference(told.get("added", {}), told.get("removed", {}), changed, int(told.get("unchanged", 0)))


def _check_own(account: Account, machine: Machine) -> None:
    """Refuse where the list stands in somebody's template.

    Raises:
        UsageError: The machine's stack has no parameter for it.
    """
    stack = account.stacks.find(machine.stack)
    if stack and MachineParameter.PACKAGES not in stack.parameters:
        raise UsageError(
            f"the packages of {machine.name} stand in its template",
            why=f"it was made with {machine.managed_by or 'something else'}",
            hint=f"change requirements.txt, cdk deploy, then: ds-ec2 env apply {machine.name}{account.flags}",
        )


def _bucket(account: Account, machine: Machine) -> str:
    settings = json.loads(account.parameters.get(ssm_path(machine.stack, SSM_SETTINGS)) or "{}")
    if bucket := settings.get("bucket"):
        return str(bucket)
    raise DsEc2Error(
        f"{machine.name} has no bucket", why="only a single short list can travel without", hint="ds-ec2 ls"
    )
