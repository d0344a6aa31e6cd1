"""A machine's bootstrap as steps, read from its status parameter."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import STAGE_TITLES, Stage, StageState, Stopped
from ds_ec2.model.names import SSM_STATUS, ssm_path
from ds_ec2.model.steps import Step, StepState

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ds_ec2.aws.account import Account

JUPYTER: Final = "jupyter"
READY: Final = "ready"
_QUIET_S: Final = 20 * 60.0
"""The longest a stage may take without a word: a large list on a small machine compiles for minutes."""

_STATES: Final = {
    StageState.RUNNING: StepState.RUNNING,
    StageState.DONE: StepState.DONE,
    StageState.FAILED: StepState.FAILED,
}


@dataclass(frozen=True, slots=True)
class BootStatus:
    """What a machine says about one boot; `boot` is empty before its first word.

    Args:
        boot: Another one at each boot.
        stages: In order.
        stopped: Why it last stopped by itself.
        idle_minutes: The limit in force, None where it has not said.
    """

    boot: str = ""
    stages: tuple[Stage, ...] = ()
    stopped: Stopped | None = None
    idle_minutes: int | None = None

    def stage(self, name: str) -> Stage | None:
        """Return one stage, None before it began."""
        return next((stage for stage in self.stages if stage.name == name), None)


def read_status(account: Account, stack: str) -> BootStatus:
    """Read a machine's status parameter; empty where there is none yet."""
    return parse_status(account.parameters.get(ssm_path(stack, SSM_STATUS)) or "{}")


def read_statuses(account: Account, stacks: Sequence[str]) -> dict[str, BootStatus]:
    """Read many machines' status parameters, ten a call; empty where there is none yet."""
    names = {ssm_path(stack, SSM_STATUS): stack for stack in stacks}
    found = account.parameters.values(tuple(names))
    return {stack: parse_status(found.get(name, "{}")) for name, stack in names.items()}


def parse_status(text: str) -> BootStatus:
    """Read a status document. What it does not understand is left out: the machine may be newer or older."""
    try:
        document: Any = json.loads(text)
        return BootStatus(
            boot=str(document.get("boot", "")),
            stages=tuple(_stage(item) for item in document.get("stages", [])),
            stopped=_stopped(document.get("stopped")),
            idle_minutes=_minutes(document.get("idle")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return BootStatus()


def follow_boot(
    account: Account, stack: str, name: str, *, until: str = JUPYTER, not_boot: str = ""
) -> Generator[Step, None, tuple[Stage, ...]]:
    """Yield the stages of a boot until one is done, and return them all.

    Args:
        account: Where.
        stack: The machine stack.
        name: The machine's name, for hints.
        until: The stage to wait for: `jupyter` or `ready`.
        not_boot: A boot that is over: its stages are not news.

    Raises:
        DsEc2Error: A stage failed (the machine stays, and can be reached), or nothing was heard for long.
    """
    seen: tuple[Stage, ...] = ()
    news = time.monotonic()
    while True:
        status = read_status(account, stack)
        stages = () if not_boot and status.boot == not_boot else status.stages
        for stage in stages:
            if stage not in seen:
                news = time.monotonic()
                yield _step(stage)
        seen = stages
        done = any(stage.name == until and stage.state is StageState.DONE for stage in stages)
        failed = next((stage for stage in stages if stage.state is StageState.FAILED), None)
        if failed and not (done and until == JUPYTER):
            raise _failure(account, name, failed)
        if done:
            return stages
        if time.monotonic() - news > _QUIET_S:
            raise DsEc2Error(
                f"{name} has been silent for {_QUIET_S / 60:.0f} minutes",
                why=f"its last stage is {stages[-1].name if stages else 'none'}",
                hint=f"ds-ec2 ssh {name}{account.flags} (the machine runs, and costs)",
            )
        time.sleep(account.poll_s)


def _failure(account: Account, name: str, stage: Stage) -> DsEc2Error:
    what = STAGE_TITLES.get(stage.name, stage.name)
    return DsEc2Error(
        f"{name}: {what} failed; the machine runs and can be reached",
        why=stage.error,
        hint=f"ds-ec2 logs {name}{account.flags} --stage {stage.name}",
    )


def _step(stage: Stage) -> Step:
    title = STAGE_TITLES.get(stage.name, stage.name)
    return Step(f"stage:{stage.name}", title, _STATES[stage.state], stage.error, stage.seconds)


def _stopped(item: Any) -> Stopped | None:
    if not item:
        return None
    at = datetime.fromtimestamp(float(item["at"]), UTC)
    return Stopped(str(item["why"]), at, bool(item.get("interrupted")))


def _minutes(item: Any) -> int | None:
    limit = item.get("limit_minutes") if item else None
    return None if limit is None else round(limit)


def _stage(item: Any) -> Stage:
    seconds = item.get("seconds")
    return Stage(
        name=str(item["name"]),
        state=StageState(item["state"]),
        started_at=float(item.get("started_at", 0.0)),
        seconds=None if seconds is None else float(seconds),
        error=str(item.get("error", "")),
    )
