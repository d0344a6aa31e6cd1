"""A road that nobody travels: its other end is asked for, and found gone."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from tests.unit.tunnel.fake_agent import FakeAgent, FakeSource
from tests.unit.tunnel.tcp_server import echo, serving

from ds_ec2.tunnel import PortForward
from ds_ec2.tunnel import port_forward as module
from ds_ec2.tunnel.road import Road
from ds_ec2.tunnel.watch import watch


class Asked:
    """Counts questions; from the `gone_at`-th on, the other end is gone."""

    def __init__(self, gone_at: int) -> None:
        self.times = 0
        self.gone_at = gone_at

    def __call__(self) -> str:
        self.times += 1
        return "work is stopped" if self.times >= self.gone_at else ""


class FakeRoad(Road):
    """A road that is only connected or not."""

    alive = True

    @property
    def connected(self) -> bool:
        return self.alive


def watched(asked: Asked, *, alive: bool = True, **intervals: float) -> FakeRoad:
    road: Any = FakeRoad(FakeSource("ws://127.0.0.1:1"), "i-1", 8888)
    road.alive = alive
    asyncio.run(asyncio.wait_for(watch(road, asked, look_every_s=0.01, **intervals), 10))
    assert road.failed == "work is stopped"
    return road  # type: ignore[no-any-return] # a Road in disguise


def test_a_session_that_broke_is_asked_about_at_once() -> None:
    watched(Asked(1), alive=False, ask_connected_s=1000, ask_broken_s=1000)


def test_a_session_that_stays_broken_is_asked_about_again() -> None:
    watched(Asked(4), alive=False, ask_connected_s=1000, ask_broken_s=0.02)


def test_a_session_that_lives_is_asked_about_rarely() -> None:
    begun = time.monotonic()
    watched(Asked(2), ask_connected_s=0.2, ask_broken_s=0.01)
    assert time.monotonic() - begun >= 0.4


def test_a_forward_whose_other_end_is_gone_ends_by_itself(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "watch", partial(watch, look_every_s=0.05, ask_broken_s=0.05))
    asked = Asked(2)
    with (
        FakeAgent() as agent,
        serving(echo) as port,
        PortForward(agent.source, "i-1", port, gone=asked) as opened,
    ):
        agent.drop_connections()
        opened.wait()
        assert opened.failed == "work is stopped"
    assert asked.times == 2
