"""How long to wait for capacity between two rounds, and the wait itself as steps."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ds_ec2.model.steps import Step, StepState

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ds_ec2.aws.account import Account

_LONGEST_WAIT_S: Final = 10 * 60.0


def waits(account: Account) -> Iterator[float]:
    """Yield how long to wait before each new round: 30 s, doubled up to 10 minutes, without an end.

    The embedded AWS has capacity again as soon as it is told so: there it begins with 4 s.
    """
    seconds = 15 * account.poll_s
    while True:
        yield seconds
        seconds = min(2 * seconds, _LONGEST_WAIT_S)


def wait(seconds: float) -> Generator[Step, None, None]:
    """Wait, and say until when."""
    at = (datetime.now(UTC) + timedelta(seconds=seconds)).astimezone()
    title, until = f"nothing is free; next try at {at:%H:%M:%S}", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        yield Step("wait", title, StepState.RUNNING, f"in {left:.0f} s")
        time.sleep(min(1.0, left))
    yield Step("wait", title, StepState.DONE)
