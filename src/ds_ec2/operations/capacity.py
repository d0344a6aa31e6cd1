"""Tries one attempt after the other, until AWS has a machine."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ds_ec2.aws.cloudformation import Stack
from ds_ec2.aws.errors import CredentialsError, NotRunningError
from ds_ec2.aws.quotas import quota_code
from ds_ec2.aws.shortage import Shortage, shortage
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.attempts import ATTEMPT_S, Try
from ds_ec2.model.names import DataOutput, DataParameter, MachineParameter, NetworkOutput
from ds_ec2.model.plans import StackAction
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.holds import Hold, release_holds
from ds_ec2.operations.network import subnet_in
from ds_ec2.operations.stacks import StackFailedError, make_stack, remove_stack, stack_tags

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Event
    from ds_ec2.model.attempts import Attempt
    from ds_ec2.model.plans import UpPlan

_INSTANCE = "AWS::EC2::Instance"


class NoCapacityError(DsEc2Error):
    """Every attempt failed because there is nothing to be had. `tried` says what was tried, once each."""

    def __init__(self, what: str, tried: tuple[Try, ...], *, hint: str = "") -> None:
        super().__init__(what, why="\n".join(f"{one.title}: {one.words}" for one in tried), hint=hint)
        self.tried = tried


class _ShortError(Exception):
    """An attempt failed for want of capacity or quota; nothing of it stays."""

    def __init__(self, what: Shortage, words: str) -> None:
        super().__init__(words)
        self.what, self.words = what, words


def get_machine(
    account: Account, plan: UpPlan, network: Stack, parameters: Mapping[str, str]
) -> Generator[Step, None, Stack]:
    """Make the data stack and the machine stack of the first attempt that AWS has a machine for.

    Steps: `attempt:<title>` besides those of the stacks.

    Args:
        account: The account.
        plan: The plan, with its attempts.
        network: The network, complete.
        parameters: The machine stack's, but for those that are an attempt's own.

    Raises:
        NoCapacityError: There is none for any of them; nothing of them stays.
        DsEc2Error: One failed for another reason.
    """
    tried: list[Try] = []
    if plan.machine.action is StackAction.WAIT:
        # An `up` that was broken off let go of its hold: its stack may fail for that alone.
        first = replace(plan.attempts[0], hold=False)
        made = yield from _tried(_Maker(account, plan, network, parameters), first, "what was begun", tried)
        if isinstance(made, Stack):
            return made
        plan = replace(plan, machine=replace(plan.machine, action=StackAction.MAKE))
    release_holds(account, plan.owner, plan.request.name)
    plan = yield from _cleared(account, plan)
    full: set[str] = set()
    maker = _Maker(account, plan, network, parameters)
    for attempt in plan.attempts:
        code = quota_code(attempt.type.name, attempt.market)
        if code and code in full:
            continue
        made = yield from _tried(maker, attempt, attempt.title, tried)
        if isinstance(made, Stack):
            return made
        if made is Shortage.QUOTA:
            full.add(code)
    raise NoCapacityError(f"AWS has no machine for {plan.request.name} just now", tuple(tried))


def _tried(
    maker: _Maker, attempt: Attempt, title: str, tried: list[Try]
) -> Generator[Step, None, Stack | Shortage]:
    """Make an attempt; return the machine's stack, or what is short, which `tried` is told."""
    key, begun = f"attempt:{title}", time.monotonic()
    yield Step(key, title, StepState.RUNNING)
    try:
        return (yield from maker.make(key, title, attempt))
    except _ShortError as error:
        words = first_sentence(error.words)
        tried.append(Try(title, words))
        yield Step(key, title, StepState.FAILED, words, time.monotonic() - begun)
        return error.what


def first_sentence(words: str) -> str:
    """Return what EC2 says first; what follows praises other zones, which are tried anyway."""
    return words.split(". ", maxsplit=1)[0].rstrip(".")


def _cleared(account: Account, plan: UpPlan) -> Generator[Step, None, UpPlan]:
    """Remove what earlier tries left, before capacity is held for this one; return what is left to do."""
    done = {}
    for part in (plan.machine, plan.data):
        done[part.part] = part
        if part.action is StackAction.REMAKE:
            if stack := account.stacks.find(part.name):
                yield from remove_stack(account, stack, part.part)
            done[part.part] = replace(part, action=StackAction.MAKE)
    return replace(plan, machine=done["machine"], data=done["data"])


@dataclass(slots=True)
class _Maker:
    """Makes the stacks of an attempt.

    Args:
        holds: Whether capacity may still be held: False after the first refusal that is no shortage.
    """

    account: Account
    plan: UpPlan
    network: Stack
    parameters: Mapping[str, str]
    holds: bool = field(default=True)

    def make(self, key: str, title: str, attempt: Attempt) -> Generator[Step, None, Stack]:
        """Hold the capacity where that is done, and make data and machine stack.

        Raises:
            _ShortError: There is none; nothing of the attempt stays.
        """
        plan, name, begun = self.plan, self.plan.request.name, time.monotonic()
        with Hold(self.account, plan.owner, name) as hold:
            if attempt.hold and self.holds:
                yield from self._take(hold, key, title, attempt)
            data_plan = replace(
                plan.data,
                parameters=tuple((dict(plan.data.parameters) | {DataParameter.ZONE: attempt.zone}).items()),
            )
            if plan.data.action is StackAction.KEEP:
                data_plan = plan.data
            data = yield from make_stack(
                self.account, data_plan, dict(data_plan.parameters), stack_tags("data", plan.owner, name)
            )
            watch = _Watch(hold, begun)
            own = self._parameters(attempt, hold.id, data)
            try:
                tags = stack_tags("machine", plan.owner, name)
                steps = make_stack(self.account, plan.machine, own, tags, watch.look)
                made = yield from _until_it_runs(steps, watch, key, title)
            except _OutOfTimeError:
                yield from self._give_up(data)
                words = f"the instance did not run within {ATTEMPT_S // 60} minutes"
                raise _ShortError(Shortage.CAPACITY, words) from None
            except StackFailedError as error:
                yield from self._take_back(data)
                if what := shortage(error.why):
                    raise _ShortError(what, watch.words or error.why) from error
                raise
        return made

    def _take(self, hold: Hold, key: str, title: str, attempt: Attempt) -> Generator[Step, None, None]:
        try:
            hold.take(attempt)
        except (CredentialsError, NotRunningError):
            raise
        except DsEc2Error as error:
            if what := shortage(error.why):
                raise _ShortError(what, error.why) from error
            self.holds = False
            yield Step("hold", "capacity is not held", StepState.NOTE, error.why)
            return
        yield Step(key, title, StepState.RUNNING, f"held ({hold.id})")

    def _parameters(self, attempt: Attempt, reservation: str, data: Stack) -> dict[str, str]:
        return dict(self.parameters) | {
            MachineParameter.INSTANCE_TYPE: attempt.type.name,
            MachineParameter.IMAGE: attempt.image.id,
            MachineParameter.ROOT_DEVICE: attempt.image.root_device,
            MachineParameter.ROOT_GIB: str(attempt.root_gib),
            MachineParameter.MARKET: attempt.market.value,
            MachineParameter.CAPACITY_RESERVATION: reservation,
            MachineParameter.SUBNET: subnet_in(self.network, attempt.zone),
            MachineParameter.SECURITY_GROUP: self.network.outputs[NetworkOutput.SECURITY_GROUP],
            MachineParameter.BUCKET: self.network.outputs[NetworkOutput.BUCKET],
            MachineParameter.DATA_VOLUME: data.outputs[DataOutput.VOLUME],
        }

    def _give_up(self, data: Stack) -> Generator[Step, None, None]:
        if stack := self.account.stacks.find(self.plan.machine.name):
            yield from remove_stack(self.account, stack, "machine")
        yield from self._take_back(data)

    def _take_back(self, data: Stack) -> Generator[Step, None, None]:
        """Remove a volume that no machine ever wrote to; the data of an earlier machine stays."""
        if self.plan.data.action is not StackAction.KEEP:
            yield from remove_stack(self.account, data, "data")


def _until_it_runs(
    steps: Generator[Step, None, Stack], watch: _Watch, key: str, title: str
) -> Generator[Step, None, Stack]:
    """Yield a stack's steps, and the attempt's last one as soon as the instance runs."""
    told = False
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            made: Stack = end.value
            return made
        yield step
        if watch.ran_at is not None and not told:
            told = True
            yield Step(key, title, StepState.DONE, "it runs", watch.ran_at - watch.begun)


class _OutOfTimeError(Exception):
    """The budget of an attempt is spent, and its instance does not run."""


@dataclass(slots=True)
class _Watch:
    """Looks at a machine stack's events: releases the hold when the instance runs, ends what takes too long.

    Args:
        hold: Released once the instance runs.
        begun: When the attempt began.
        ran_at: When the instance ran, or None.
        words: Why the instance failed, in EC2's words.
    """

    hold: Hold
    begun: float
    ran_at: float | None = None
    words: str = ""

    def look(self, events: tuple[Event, ...]) -> None:
        """Take note of new events.

        Raises:
            _OutOfTimeError: The instance neither runs nor has failed, and the budget is spent.
        """
        for event in events:
            if event.type == _INSTANCE and event.status == "CREATE_COMPLETE":
                self.ran_at = time.monotonic()
                with suppress(DsEc2Error):  # it is tried again when the hold ends
                    self.hold.release()
            elif event.type == _INSTANCE and event.failure:
                self.words = event.reason
        waits = self.ran_at is None and not self.words
        if waits and time.monotonic() - self.begun > ATTEMPT_S:
            raise _OutOfTimeError
