from __future__ import annotations

import asyncio
import hashlib
import random
import socket
from typing import Any

import pytest
from tests.local.session_manager.conftest import FORWARDING, until

from ds_ec2_local.session_manager import smux, wire

REMOTE_HOST = "AWS-StartPortForwardingSessionToRemoteHost"
SSH = "AWS-StartSSHSession"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-fake\r\n")
    await writer.drain()
    await echo(reader, writer)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_ssh_is_raw_bytes_on_one_connection(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            port = await aws.serve(banner)
            client, _ = await aws.client(SSH, portNumber=port)
            request = await client.shake_hands()
            action = request["RequestedClientActions"][0]["ActionParameters"]
            assert action == {"SessionType": "Port", "Properties": {"portNumber": str(port)}}
            assert await client.output(b"\r\n") == b"SSH-2.0-fake\r\n"
            everything = bytes(range(256)) * 20
            for start in range(0, len(everything), 100):
                await client.send(everything[start : start + 100])
            await client.send(b"\n")
            assert await client.exactly(len(everything) + 1) == everything + b"\n"
            assert aws.guest.dialed == [("localhost", port)]

    asyncio.run(scenario())


def test_a_connection_that_ends_ends_its_ssh_session(cloud: Any) -> None:
    async def bye(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")

    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client(SSH, portNumber=await aws.serve(bye))
            await client.shake_hands()
            assert await client.exactly(3) == b"bye"
            assert (await client.goodbye())["Output"] == ""
            assert aws.status(session_id) == "Terminated"

    asyncio.run(scenario())


def test_a_refused_connection_ends_an_ssh_session_with_words(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client(SSH, portNumber=unused_port())
            await client.shake_hands()
            assert "Unable to connect to specified port" in (await client.goodbye())["Output"]
            assert aws.status(session_id) == "Failed"

    asyncio.run(scenario())


def test_an_old_client_gets_no_smux_and_a_new_connection_on_request(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            port = await aws.serve(banner)
            client, _ = await aws.client(FORWARDING, version="1.1.69.0", portNumber=port)
            await client.shake_hands()
            assert await client.output(b"\r\n") == b"SSH-2.0-fake\r\n"
            await client.send_flag(wire.Flag.DISCONNECT_TO_PORT)
            assert await client.output(b"\r\n") == b"SSH-2.0-fake\r\n"
            await client.send(b"again")
            assert await client.exactly(5) == b"again"
            await client.send_flag(wire.Flag.TERMINATE_SESSION)
            await client.goodbye()
            assert len(aws.guest.dialed) == 2

    asyncio.run(scenario())


def test_several_streams_carry_their_own_bytes(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            mux, _ = await aws.mux(await aws.serve(echo))
            random_bytes = random.Random(7).randbytes  # noqa: S311 - test data
            sent = {await mux.open(): random_bytes(200_000 + index) for index in range(5)}
            await asyncio.gather(*(mux.write(number, data) for number, data in sent.items()))
            await until(lambda: all(len(mux.data[number]) == len(data) for number, data in sent.items()))
            for number, data in sent.items():
                assert hashlib.sha256(mux.data[number]).digest() == hashlib.sha256(data).digest()
            assert list(sent) == [3, 5, 7, 9, 11]
            assert len(aws.guest.dialed) == 5

    asyncio.run(scenario())


def test_a_stream_ends_both_ways_when_the_server_ends(cloud: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"x" * 100_000)

    async def scenario() -> None:
        async with cloud() as aws:
            mux, session_id = await aws.mux(await aws.serve(answer))
            stream = await mux.open()
            await mux.write(stream, b"GET\n")
            assert await mux.end(stream) == b"x" * 100_000
            await mux.write(stream, b"nobody is there")
            assert aws.status(session_id) == "Connected"
            again = await mux.open()
            await mux.write(again, b"GET\n")
            assert await mux.end(again) == b"x" * 100_000

    asyncio.run(scenario())


def test_the_clients_end_of_a_stream_closes_its_connection(cloud: Any) -> None:
    received = bytearray()
    closed: list[bool] = []

    async def sink(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            received.extend(data)
        closed.append(True)

    async def scenario() -> None:
        async with cloud() as aws:
            mux, _ = await aws.mux(await aws.serve(sink))
            stream = await mux.open()
            await mux.write(stream, b"z" * 150_000)
            await mux.finish(stream)
            assert await mux.end(stream) == b""
            await until(lambda: bool(closed))
            assert bytes(received) == b"z" * 150_000

    asyncio.run(scenario())


def test_a_stream_to_nothing_is_refused_and_the_session_lives(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            port = unused_port()
            mux, _ = await aws.mux(port)
            stream = await mux.open()
            assert await mux.end(stream) == b""
            assert mux.refused == 1
            server = await asyncio.start_server(_answer_and_close, "127.0.0.1", port)
            async with server:
                other = await mux.open()
                assert await mux.end(other) == b"now"

    asyncio.run(scenario())


async def _answer_and_close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"now")
    writer.close()
    await writer.wait_closed()


def test_the_remote_host_is_dialled_from_the_instance(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            port = await aws.serve(banner)
            client, _ = await aws.client(
                REMOTE_HOST, version="1.1.61.0", host="db.internal.example", portNumber=port
            )
            request = await client.shake_hands()
            assert request["RequestedClientActions"][0]["ActionParameters"]["Properties"] == {
                "host": "db.internal.example",
                "portNumber": str(port),
                "localPortNumber": "0",
                "type": "LocalPortForwarding",
            }
            await client.output(b"\r\n")
            assert aws.guest.dialed == [("db.internal.example", port)]

    asyncio.run(scenario())


def test_broken_smux_ends_the_session(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(FORWARDING, portNumber=80)
            await client.shake_hands()
            await client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert "smux" in (await client.goodbye())["Output"]

    asyncio.run(scenario())


def test_a_stopped_instance_ends_its_port_sessions(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            mux, session_id = await aws.mux(await aws.serve(echo))
            stream = await mux.open()
            await mux.write(stream, b"hello")
            await until(lambda: mux.data[stream] == b"hello")
            aws.registry.end_target("i-0123456789abcdef0")
            assert "no longer running" in (await mux.client.goodbye())["Output"]
            assert aws.status(session_id) == "Terminated"

    asyncio.run(scenario())


def test_a_new_stream_notices_an_instance_that_is_gone(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            mux, session_id = await aws.mux(80)
            await aws.guest.stop()
            await mux.open()
            assert "no longer running" in (await mux.client.goodbye())["Output"]
            assert aws.status(session_id) == "Failed"

    asyncio.run(scenario())


@pytest.mark.parametrize(("status", "words"), [(2, "failed on client"), (3, "failed on client")])
def test_a_failed_handshake_ends_the_session(cloud: Any, status: int, words: str) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(FORWARDING, portNumber=80)
            await client.shake_hands(status)
            assert words in (await client.goodbye())["Output"]

    asyncio.run(scenario())


@pytest.mark.parametrize("response", [b"no JSON", b"{}"])
def test_a_response_that_is_none_ends_the_session(cloud: Any, response: bytes) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(FORWARDING, portNumber=80)
            await client.send(response, wire.PayloadType.HANDSHAKE_RESPONSE)
            assert "Handshake failed" in (await client.goodbye())["Output"]

    asyncio.run(scenario())


def test_the_agent_waits_for_the_handshake_so_long_and_no_longer(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud(handshake_timeout_s=0.4) as aws:
            client, _ = await aws.client(FORWARDING, portNumber=80)
            assert "Handshake timed out" in (await client.goodbye())["Output"]

    asyncio.run(scenario())


def test_a_full_buffer_holds_the_client_back_and_loses_nothing(cloud: Any) -> None:
    gate = asyncio.Event()
    digest = hashlib.sha256()
    total = smux.MAX_RECEIVE_BUFFER * 4

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        digest.update(await reader.readexactly(total))
        writer.write(b"done")

    async def scenario() -> None:
        async with cloud() as aws:
            mux, _ = await aws.mux(await aws.serve(slow))
            stream = await mux.open()
            data = random.Random(3).randbytes(total)  # noqa: S311 - test data
            await mux.write(stream, data)
            await asyncio.sleep(0.3)
            held = len(mux.client.unacknowledged)
            gate.set()
            assert held * 1024 > total / 4, "the agent took more than its buffer and the sockets hold"
            assert await mux.end(stream, 20) == b"done"
            assert digest.digest() == hashlib.sha256(data).digest()

    asyncio.run(scenario())
