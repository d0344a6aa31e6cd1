"""Ctrl-C ends everything properly, and a token is told to nobody."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from tests.unit.tunnel.fake_agent import FakeAgent, FakeSource, not_connected
from tests.unit.tunnel.tcp_server import echo, read_exactly, serving

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel import PortForward
from ds_ec2.tunnel.codec import PayloadType

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    with FakeAgent() as opened:
        yield opened


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    yield
    timer.join()


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_it_waits(agent: FakeAgent) -> None:
    source = agent.source
    with serving(echo) as port, pytest.raises(KeyboardInterrupt), PortForward(source, "i-1", port) as forward:
        forward.wait()
    assert source.terminated == ["ana-0001"]
    assert forward.failed == ""


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_the_agent_is_waited_for(agent: FakeAgent) -> None:
    source = FakeSource(agent.url, [not_connected() for _ in range(100)])
    with pytest.raises(KeyboardInterrupt):
        PortForward(source, "i-1", 1).__enter__()
    assert source.started == []
    assert not any("i-1" in thread.name for thread in threading.enumerate())


def test_a_token_is_in_no_log_and_no_error(agent: FakeAgent, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(echo) as port, PortForward(agent.source, "i-1", port) as forward:
        with socket.create_connection(("127.0.0.1", forward.local_port), timeout=5) as opened:
            opened.sendall(b"hello")
            assert read_exactly(opened, 5) == b"hello"
        assert "secret" not in repr(forward)
    own = ("ds_ec2", "websockets.client", "asyncio")  # not the agent's, and of no other test's threads
    clients = [r.getMessage() for r in caplog.records if r.name.startswith(own)]
    assert clients
    assert not any("secret" in line or "AWS4" in line for line in clients)


def test_a_handshake_that_breaks_is_an_error_without_the_token(
    agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nonsense(_agent: object, peer: object, *_rest: object) -> None:
        await peer.send(PayloadType.HANDSHAKE_REQUEST, b"no JSON")  # type: ignore[attr-defined] # a Peer

    monkeypatch.setattr(FakeAgent, "_handshake", nonsense)
    with pytest.raises(DsEc2Error, match="did not open the session") as caught:
        PortForward(agent.source, "i-1", 1).__enter__()
    assert "secret" not in f"{caught.value.what} {caught.value.why} {caught.value.__cause__!r}"
