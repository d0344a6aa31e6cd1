"""StartSession, asked again while the machine's agent is not connected yet."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error, TargetNotConnectedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from ds_ec2.model.sessions import SessionGrant, SessionSource

DEFAULT_WAIT_S: Final = 60.0
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What StartSession is asked for.

    Args:
        target: An instance id.
        document: Name of the session document; None for the account's default shell.
        parameters: Of the document.
    """

    target: str
    document: str | None = None
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock and the dice, so that tests need neither.

    Args:
        clock: Seconds, monotonic.
        sleep: As asyncio's.
        jitter: A number between 0 and 1.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


def backoff_s(attempt: int, jitter: float, longest_s: float = _LONGEST_DELAY_S) -> float:
    """Return the pause after failure number `attempt` (from 0): doubling, bounded, half of it by chance."""
    delay: float = min(longest_s, _FIRST_DELAY_S * 2 ** min(attempt, 30))
    return delay * (0.5 + 0.5 * jitter)


async def start_session(
    source: SessionSource,
    request: SessionRequest,
    wait_s: float = DEFAULT_WAIT_S,
    on_event: Callable[[str], None] | None = None,
    timing: Timing | None = None,
) -> SessionGrant:
    """Start a session; only an agent that is not connected is waited for, at most `wait_s` seconds.

    Raises:
        TargetNotConnectedError: The agent did not connect in that time.
        DsEc2Error: Anything else, at once.
    """
    timing = timing or Timing()
    deadline = timing.clock() + wait_s
    attempt = 0
    while True:
        try:
            return await _start_once(source, request)
        except TargetNotConnectedError:
            delay = backoff_s(attempt, timing.jitter())
            if timing.clock() + delay > deadline:
                raise
        if attempt == 0 and on_event:
            on_event(f"waiting for the agent of {request.target} (at most {wait_s:.0f} s)")
        await timing.sleep(delay)
        attempt += 1


async def _start_once(source: SessionSource, request: SessionRequest) -> SessionGrant:
    """Call StartSession in a thread; a session that starts after a cancellation is terminated."""
    call = asyncio.ensure_future(
        asyncio.to_thread(source.start, request.target, request.document, request.parameters)
    )
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        # The thread cannot be stopped; asyncio waits for it anyway when the loop ends.
        try:
            grant = await call
        except DsEc2Error:
            raise asyncio.CancelledError from None
        await asyncio.to_thread(source.terminate, grant.session_id)
        raise
