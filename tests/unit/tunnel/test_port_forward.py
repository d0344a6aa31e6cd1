"""A forwarded port over real websockets and real sockets, in good weather and in bad."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.tunnel.fake_agent import FakeAgent, FakeSource, Faults, not_connected
from tests.unit.tunnel.tcp_server import (
    answer_late,
    digest,
    echo,
    give,
    noise,
    read_all,
    read_exactly,
    serving,
)

from ds_ec2.errors import DsEc2Error, NotFoundError
from ds_ec2.tunnel import PortForward
from ds_ec2.tunnel.channel import ChannelOptions
from ds_ec2.tunnel.road import Road, RoadOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

FIVE_MB = noise(5_000_000)


@contextmanager
def forward(
    source: FakeSource, port: int, *, local_port: int = 0, pace: float = 0, **options: Any
) -> Iterator[PortForward]:
    with PortForward(source, "i-1", port, local_port, pace=pace, **options) as opened:
        yield opened


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as opened:
        yield opened


def ask_echo(port: int, text: bytes) -> bytes:
    with connection(port) as opened:
        opened.sendall(text)
        return read_exactly(opened, len(text))


def send_all(port: int, data: bytes) -> bytes:
    """Send to a `digest` server and return the hash it saw."""
    with connection(port) as opened:
        opened.sendall(len(data).to_bytes(8, "big") + data)
        return read_exactly(opened, 32)


def fetch(port: int) -> bytes:
    with connection(port) as opened:
        opened.sendall(b"x")
        return read_all(opened)


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    with FakeAgent() as opened:
        yield opened


def test_it_signs_presents_the_token_and_terminates(agent: FakeAgent) -> None:
    source = agent.source
    with serving(echo) as port, forward(source, port) as tunnel:
        assert ask_echo(tunnel.local_port, b"hello\n\n") == b"hello\n\n"
        assert "secret" not in repr(tunnel)
    headers, opening = agent.openings[0]
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert headers["host"].startswith("127.0.0.1:")
    assert opening["TokenValue"] == "secret-token-ana-0001"
    assert source.started == [
        ("i-1", "AWS-StartPortForwardingSession", {"portNumber": [str(port)], "localPortNumber": ["0"]})
    ]
    assert source.terminated == ["ana-0001"]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", tunnel.local_port))


def test_twenty_connections_at_once_share_one_session(agent: FakeAgent) -> None:
    source = agent.source
    with serving(echo) as port, forward(source, port) as tunnel, ThreadPoolExecutor(20) as pool:
        texts = [noise(20_000, n) for n in range(20)]
        answers = list(pool.map(lambda text: ask_echo(tunnel.local_port, text), texts))
    assert answers == texts
    assert len(source.started) == 1


def test_five_megabytes_each_way(agent: FakeAgent) -> None:
    with serving(digest) as up, serving(give(FIVE_MB)) as down:
        with forward(agent.source, up) as tunnel:
            assert send_all(tunnel.local_port, FIVE_MB) == hashlib.sha256(FIVE_MB).digest()
        with forward(agent.source, down) as tunnel:
            assert fetch(tunnel.local_port) == FIVE_MB
    assert agent.largest_payload <= 1024


def test_the_same_bytes_in_bad_weather(agent: FakeAgent) -> None:
    agent.faults = Faults(drop=0.02, duplicate=0.05, reorder=0.1, lose_acks=0.05)
    data = FIVE_MB[:100_000]
    with serving(echo) as port:
        options = RoadOptions(channel=ChannelOptions(pace=0, resend_every_s=0.005))

        async def main() -> bytes:
            road = Road(agent.source, "i-1", port, options)
            stream = await road.open_stream()
            sending = asyncio.create_task(stream.write(data))
            received = bytearray()
            async with asyncio.timeout(20):
                while len(received) < len(data):
                    received += await stream.read()
                await sending
            await stream.close()
            await road.close()
            return bytes(received)

        assert asyncio.run(main()) == data


def test_a_stalled_reader_loses_nothing_and_holds_up_nobody(agent: FakeAgent) -> None:
    def both(opened: socket.socket) -> None:
        (echo if opened.recv(1) == b"e" else give(FIVE_MB * 2))(opened)

    with (
        serving(both) as port,
        forward(agent.source, port) as tunnel,
        connection(tunnel.local_port) as stalled,
    ):
        stalled.sendall(b"dx")
        time.sleep(0.3)
        for text in (b"one", b"two", b"three"):
            with connection(tunnel.local_port) as other:
                other.sendall(b"e" + text)
                assert read_exactly(other, len(text)) == text
        assert read_all(stalled) == FIVE_MB * 2


def test_beyond_the_budget_the_session_waits_and_loses_nothing(agent: FakeAgent) -> None:
    options = RoadOptions(channel=ChannelOptions(pace=0), budget=100_000)
    with serving(give(FIVE_MB)) as port:

        async def main() -> tuple[int, bytes]:
            road = Road(agent.source, "i-1", port, options)
            stream = await road.open_stream()
            await stream.write(b"x")
            await asyncio.sleep(0.5)
            held = stream.received
            data = bytearray()
            while chunk := await stream.read():
                data += chunk
            await stream.close()
            await road.close()
            return held, bytes(data)

        held, data = asyncio.run(main())
    assert 100_000 < held < 120_000
    assert data == FIVE_MB


def test_a_program_that_ends_its_sending_still_gets_the_answer(agent: FakeAgent) -> None:
    with (
        serving(answer_late) as port,
        forward(agent.source, port) as tunnel,
        connection(tunnel.local_port) as opened,
    ):
        opened.sendall(b"question\n")
        opened.shutdown(socket.SHUT_WR)
        assert read_all(opened) == b"late, but whole\n"


def test_a_refused_dial_resets_the_connection_and_spares_the_others(agent: FakeAgent) -> None:
    told: list[str] = []
    with socket.socket() as taken, serving(echo) as port:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        with forward(agent.source, taken.getsockname()[1], on_event=told.append) as tunnel:
            for _ in range(2):
                with pytest.raises(ConnectionResetError), connection(tunnel.local_port) as opened:
                    opened.recv(1)
            assert "nothing listens" in told[0]
            assert tunnel.failed == ""
        with forward(agent.source, port) as tunnel:
            assert ask_echo(tunnel.local_port, b"fine") == b"fine"


def test_a_broken_session_resets_and_the_next_connection_opens_a_new_one(agent: FakeAgent) -> None:
    source, told = agent.source, list[str]()
    with serving(echo) as port, forward(source, port, on_event=told.append) as tunnel:
        with connection(tunnel.local_port) as opened:
            opened.sendall(b"before")
            assert read_exactly(opened, 6) == b"before"
            agent.drop_connections()
            with pytest.raises(ConnectionResetError):
                opened.recv(1)
        assert ask_echo(tunnel.local_port, b"after") == b"after"
        assert tunnel.failed == ""
    assert "opening a new one" in told[0]
    assert source.terminated == ["ana-0001", "ana-0002"]


def test_the_services_end_is_told_with_its_reason(agent: FakeAgent) -> None:
    source, told = agent.source, list[str]()
    with serving(echo) as port, forward(source, port, on_event=told.append) as tunnel:
        agent.call(agent.peers[0].end("idle for 20 minutes"))
        time.sleep(0.2)
        assert ask_echo(tunnel.local_port, b"after") == b"after"
    assert told == ["the session ended (idle for 20 minutes); opening a new one"]


@pytest.mark.parametrize("error", [NotFoundError("i-1 does not exist"), not_connected()])
def test_a_machine_that_is_gone_breaks_the_tunnel_for_good(agent: FakeAgent, error: DsEc2Error) -> None:
    source = agent.source
    with serving(echo) as port, forward(source, port, wait_s=0) as tunnel:
        source.failures += [error]
        agent.drop_connections()
        waiting = threading.Thread(target=tunnel.wait)
        waiting.start()
        with pytest.raises(ConnectionResetError), connection(tunnel.local_port) as opened:
            opened.recv(1)
        waiting.join(5)
        assert not waiting.is_alive()
        assert tunnel.failed == error.what


def test_an_outage_is_no_end(agent: FakeAgent) -> None:
    source, told = agent.source, list[str]()
    with serving(echo) as port, forward(source, port, on_event=told.append) as tunnel:
        source.failures += [DsEc2Error("AWS cannot be reached", why="no network")]
        agent.drop_connections()
        time.sleep(0.1)
        with pytest.raises(ConnectionResetError), connection(tunnel.local_port) as opened:
            opened.recv(1)
        assert told[-1] == "AWS cannot be reached: no network"
        assert tunnel.failed == ""
        assert ask_echo(tunnel.local_port, b"again") == b"again"


def test_an_agent_that_connects_late_is_waited_for(agent: FakeAgent) -> None:
    source = agent.source
    source.failures += [not_connected()]
    with serving(echo) as port, forward(source, port) as tunnel:
        assert ask_echo(tunnel.local_port, b"late") == b"late"


def test_a_port_in_use_is_named_and_no_session_is_started(agent: FakeAgent) -> None:
    source = agent.source
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DsEc2Error, match=f"port {port} of this computer is in use") as caught:
            PortForward(source, "i-1", 8888, port).__enter__()
    assert f"{port + 1}" in caught.value.hint
    assert source.started == []


def test_an_address_that_is_not_trusted_gets_no_token(agent: FakeAgent) -> None:
    source = FakeSource(agent.url)
    trusted, source.url = source.url, agent.url.replace("127.0.0.1", "localhost")
    source.trusts = lambda url: url.startswith(trusted)  # type: ignore[method-assign] # a stricter one
    with pytest.raises(DsEc2Error, match="'localhost'"):
        PortForward(source, "i-1", 1).__enter__()
    assert agent.openings == []
    assert source.terminated == ["ana-0001"]


def test_an_agent_without_mux_is_refused(agent: FakeAgent) -> None:
    agent.agent_version = "3.0.196.0"
    with pytest.raises(DsEc2Error, match="several connections") as caught:
        PortForward(agent.source, "i-1", 1).__enter__()
    assert "3.0.196.0" in caught.value.why


def test_it_listens_on_the_loopback_address_alone(agent: FakeAgent) -> None:
    with (
        serving(echo) as port,
        forward(agent.source, port) as tunnel,
        pytest.raises(OSError, match="refused"),
    ):
        socket.create_connection(("127.0.0.2", tunnel.local_port))


def test_small_writes_leave_at_once(agent: FakeAgent) -> None:
    with (
        serving(echo) as port,
        forward(agent.source, port, pace=1000) as tunnel,
        connection(tunnel.local_port) as opened,
    ):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times = []
        for _ in range(30):
            begun = time.perf_counter()
            opened.sendall(b"ab")
            read_exactly(opened, 2)
            times.append(time.perf_counter() - begun)
    # Nagle's algorithm with delayed acknowledgements costs 40 ms.
    assert sorted(times)[15] < 0.02
