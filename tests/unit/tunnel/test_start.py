"""StartSession: who is waited for, and how long."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.tunnel.fake_agent import FakeSource, not_connected

from ds_ec2.errors import DsEc2Error, TargetNotConnectedError
from ds_ec2.tunnel.start import SessionRequest, Timing, backoff_s, start_session

REQUEST = SessionRequest("i-1")


class Clock:
    """Time passes only in sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep, lambda: 1.0)


def test_an_agent_that_is_not_connected_is_waited_for_and_told_of_once() -> None:
    source, clock, told = FakeSource("ws://x", [not_connected() for _ in range(4)]), Clock(), list[str]()
    grant = asyncio.run(start_session(source, REQUEST, 60, told.append, clock.timing))
    assert grant.session_id == "ana-0001"
    assert clock.pauses == [0.5, 1, 2, 4]
    assert told == ["waiting for the agent of i-1 (at most 60 s)"]


def test_the_wait_has_a_bound() -> None:
    source, clock = FakeSource("ws://x", [not_connected() for _ in range(99)]), Clock()
    with pytest.raises(TargetNotConnectedError):
        asyncio.run(start_session(source, REQUEST, 20, timing=clock.timing))
    assert clock.now <= 20
    assert max(clock.pauses) == 5


def test_no_other_error_is_tried_again() -> None:
    source, clock = FakeSource("ws://x", [DsEc2Error("access denied")]), Clock()
    with pytest.raises(DsEc2Error, match="access denied"):
        asyncio.run(start_session(source, REQUEST, 60, timing=clock.timing))
    assert clock.pauses == []


def test_half_of_a_pause_is_chance() -> None:
    assert backoff_s(2, 0.0) == 1.0
    assert backoff_s(2, 1.0) == 2.0
    assert backoff_s(10_000, 1.0) == 5.0


def test_a_token_is_in_no_repr() -> None:
    grant = FakeSource("ws://x").start("i-1", None, {})
    assert grant.token == "secret-token-ana-0001"
    assert "secret" not in repr(grant)
