"""Short conversations: one request line, lines until the end."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.unit.tunnel.fake_agent import FakeAgent
from tests.unit.tunnel.tcp_server import serving

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel import ControlRoad, ask

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    with FakeAgent() as opened:
        yield opened


def control(connection: socket.socket) -> None:
    """Three lines; the last without a line feed where the verb is `ragged`."""
    request = connection.recv(65536)
    verb = json.loads(request)["verb"]
    if verb == "silence":
        time.sleep(1)
        return
    assert request.endswith(b"\n")
    connection.sendall(b'{"line": "a"}\n{"line"')
    time.sleep(0.05)
    connection.sendall(b': "b"}\n{"ok": true}' + (b"" if verb == "ragged" else b"\n"))


@pytest.mark.parametrize("verb", ["status", "ragged"])
def test_one_question(agent: FakeAgent, verb: str) -> None:
    source = agent.source
    with serving(control) as port:
        lines = list(ask(source, "i-1", port, json.dumps({"verb": verb}).encode(), 5))
    assert [json.loads(line) for line in lines] == [{"line": "a"}, {"line": "b"}, {"ok": True}]
    assert source.terminated == ["ana-0001"]


def test_many_questions_share_one_session(agent: FakeAgent) -> None:
    source = agent.source
    with serving(control) as port, ControlRoad(source, "i-1", port=port) as road:
        for _ in range(5):
            assert len(list(road.ask(b'{"verb": "status"}\n'))) == 3
    assert len(source.started) == 1


def test_a_question_that_is_left_early_ends_its_connection(agent: FakeAgent) -> None:
    with serving(control) as port, ControlRoad(agent.source, "i-1", port=port) as road:
        answer = road.ask(b'{"verb": "status"}')
        assert next(answer) == b'{"line": "a"}'
        answer.close()  # type: ignore[attr-defined] # it is a generator
        assert len(list(road.ask(b'{"verb": "status"}'))) == 3


def test_nobody_listens_no_line(agent: FakeAgent) -> None:
    with serving(control) as port:
        pass
    assert list(ask(agent.source, "i-1", port, b"{}", 5)) == []


def test_silence_has_a_bound(agent: FakeAgent) -> None:
    with serving(control) as port, pytest.raises(DsEc2Error, match="broke off") as caught:
        list(ask(agent.source, "i-1", port, b'{"verb": "silence"}', 0.2))
    assert "within" in caught.value.why


def test_a_session_that_breaks_is_no_answer(agent: FakeAgent) -> None:
    with serving(control) as port, ControlRoad(agent.source, "i-1", port=port) as road:
        answer = road.ask(b'{"verb": "silence"}')
        cut_soon(agent)
        with pytest.raises(DsEc2Error, match="broke off"):
            next(answer)
        assert len(list(road.ask(b'{"verb": "status"}'))) == 3


def cut_soon(agent: FakeAgent) -> None:
    timer = threading.Timer(0.3, agent.drop_connections)
    timer.daemon = True
    timer.start()
