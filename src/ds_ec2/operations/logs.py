"""`logs`: how a machine was set up, in its own words."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import StageState
from ds_ec2.operations.bootstrap import read_status
from ds_ec2.operations.control import stream
from ds_ec2.operations.machines import find, reachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine


_TAIL: Final = 30


def failed_lines(account: Account, machine: Machine) -> Iterator[str]:
    """Yield the last lines of each failed stage's log, below its name; nothing where none failed.

    Raises:
        DsEc2Error: The machine does not run.
    """
    for stage in machine.stages:
        if stage.state is StageState.FAILED:
            yield f"\n{stage.name}, its last {_TAIL} lines:"
            yield from deque(stream(account, reachable(account, machine), "logs", stage=stage.name), _TAIL)


def logs(account: Account, name: str = "", stage: str = "") -> Iterator[str]:
    """Yield the lines of one bootstrap stage's log; without a stage, of the newest one.

    Raises:
        DsEc2Error: The machine does not run, or knows no such stage.
    """
    machine = reachable(account, find(account, name))
    stages = [item.name for item in read_status(account, machine.stack).stages]
    if not stages:
        raise DsEc2Error(
            f"{machine.name} has not begun its bootstrap",
            hint=f"wait a little, then: ds-ec2 logs {machine.name}{account.flags}",
        )
    if stage and stage not in stages:
        raise DsEc2Error(
            f"{machine.name} has no stage {stage!r}",
            why=f"there are {', '.join(stages)}",
            hint=f"ds-ec2 logs {machine.name}{account.flags} --stage {stages[-1]}",
        )
    yield from stream(account, machine, "logs", stage=stage or stages[-1])
