from __future__ import annotations

import asyncio
from typing import Any

from tests.local.session_manager.conftest import INSTANCE

from ds_ec2_local.session_manager import wire

NON_INTERACTIVE = "AWS-StartNonInteractiveCommand"


def test_a_shell_speaks_without_a_handshake(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client()
            await client.send(b"echo hello\n")
            first = await client.next()
            assert (first.payload_type, first.sequence, first.flags) == (1, 0, 1)
            assert first.payload == b"hello\n"
            await client.send(b"echo again\n")
            second = await client.next()
            assert (second.sequence, second.flags) == (1, 0)
            await client.send(b"exit\n")
            goodbye = await client.goodbye()
            assert goodbye["Output"] == ""
            assert (goodbye["SessionId"], goodbye["DestinationId"]) == (session_id, INSTANCE)
            assert aws.status(session_id) == "Terminated"
            await client.lost()

    asyncio.run(scenario())


def test_the_terminals_size_reaches_the_shell(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client()
            await client.send_json({"cols": 120, "rows": 40}, wire.PayloadType.SIZE)
            await client.send(b"echo sized\n")
            await client.output(b"sized\n")
            assert aws.guest.sizes == [[120, 40]]

    asyncio.run(scenario())


def test_nonsense_does_not_end_a_shell(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client()
            await client.send(b"no JSON", wire.PayloadType.SIZE)
            await client.raw(b"short")
            await client.raw(wire.encode(wire.make(wire.MessageType.ACKNOWLEDGE, b"no JSON")))
            await client.send(b"echo fine\n")
            assert await client.output(b"fine\n") == b"fine\n"

    asyncio.run(scenario())


def test_an_interactive_command_has_no_handshake(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client("AWS-StartInteractiveCommand", command="read x; echo got $x")
            await client.send(b"it\n")
            assert await client.output(b"it\n") == b"got it\n"
            assert (await client.goodbye())["Output"] == ""

    asyncio.run(scenario())


def test_a_command_tells_its_errors_and_its_status(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(
                NON_INTERACTIVE, command="echo bad >&2; exit 42", separateOutputStream="true"
            )
            request = await client.shake_hands()
            action = request["RequestedClientActions"][0]["ActionParameters"]
            assert action["SessionType"] == "NonInteractiveCommands"
            assert await client.output(b"\n", wire.PayloadType.STANDARD_ERROR) == b"bad\n"
            status = await client.next()
            assert (status.payload_type, status.payload) == (wire.PayloadType.EXIT_CODE, b"EXIT_CODE: 42")
            await client.goodbye()

    asyncio.run(scenario())


def test_a_command_without_separate_outputs_speaks_when_it_ended(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(NON_INTERACTIVE, command="echo one; echo two >&2; sleep 0.3; exit 3")
            await client.shake_hands()
            await asyncio.sleep(0.15)
            assert client.received.empty()
            output = await client.exactly(8)
            assert sorted(output.split()) == [b"one", b"two"]
            await client.goodbye()
            assert client.received.empty()

    asyncio.run(scenario())


def test_long_output_comes_whole_in_small_messages(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client("AWS-StartInteractiveCommand", command="seq 1 60000")
            expected = "".join(f"{number}\n" for number in range(1, 60001)).encode()
            assert await client.exactly(len(expected)) == expected
            assert max(len(frame.payload) for frame in client.frames) == 1024
            await client.goodbye()

    asyncio.run(scenario())


def test_the_client_ends_a_shell_with_a_flag(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client()
            await client.send_flag(wire.Flag.TERMINATE_SESSION)
            assert (await client.goodbye())["Output"] == ""
            assert aws.status(session_id) == "Terminated"

    asyncio.run(scenario())


def test_the_api_ends_a_shell(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client()
            await client.send(b"echo up\n")
            await client.output(b"up\n")
            aws.registry.terminate(session_id)
            await client.goodbye()
            assert aws.registry.resume(session_id)["TokenValue"] == ""

    asyncio.run(scenario())


def test_a_stopped_instance_ends_its_shells(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client()
            await client.send(b"echo up\n")
            await client.output(b"up\n")
            await aws.guest.stop()
            assert "no longer running" in (await client.goodbye())["Output"]
            assert aws.status(session_id) == "Failed"

    asyncio.run(scenario())


def test_a_shell_on_a_dead_instance_fails_with_words(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            await aws.guest.stop()
            client, _ = await aws.client()
            assert "Unable to start command" in (await client.goodbye())["Output"]

    asyncio.run(scenario())


def test_an_idle_session_times_out(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud(idle_timeout_s=0.6) as aws:
            client, session_id = await aws.client()
            for _ in range(3):
                await asyncio.sleep(0.3)
                await client.send(b"echo awake\n")
                await client.output(b"awake\n")
            assert not client.closed.done()
            assert "inactivity" in (await client.goodbye())["Output"]
            assert aws.registry.resume(session_id)["TokenValue"] == ""

    asyncio.run(scenario())
