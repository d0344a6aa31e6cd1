"""What networks do to messages: loss, doubles, disorder, and websockets that break."""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import Any

import pytest
from tests.local.session_manager.conftest import FORWARDING, until
from tests.local.session_manager.test_ports import SSH, echo

from ds_ec2_local.session_manager import wire
from ds_ec2_local.session_manager.delivery import RESEND_ATTEMPTS, Incoming, Outgoing

COMMAND = "AWS-StartInteractiveCommand"


def test_lost_output_is_sent_again(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(COMMAND, command="read go; seq 1 2000")
            lost: set[int] = set()

            def ignore(message: wire.Message) -> bool:
                if message.sequence % 3 or message.sequence in lost:
                    return False
                lost.add(message.sequence)
                return True

            client.ignore = ignore
            await client.send(b"go\n")
            expected = "".join(f"{number}\n" for number in range(1, 2001)).encode()
            assert await client.exactly(len(expected)) == expected
            assert len(lost) >= 3

    asyncio.run(scenario())


def test_output_whose_acknowledgement_was_lost_is_sent_again_once(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client()
            client.lose_acknowledgement = lambda message: message.sequence == 0
            await client.send(b"echo one\n")
            assert (await client.next()).payload == b"one\n"
            await client.send(b"echo two\n")
            assert (await client.next()).payload == b"two\n"
            await asyncio.sleep(0.8)
            assert [frame.sequence for frame in client.frames] == [0, 1, 0]
            assert client.frames[0].message_id == client.frames[2].message_id

    asyncio.run(scenario())


def test_input_in_disorder_is_put_in_order_and_acknowledged_at_once(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(SSH, portNumber=await aws.serve(echo))
            await client.shake_hands()
            pieces = [client.number(str(number).encode()) for number in range(10)]
            for piece in reversed(pieces[1:]):
                await client.raw(piece)
            # The handshake's, and nine early ones.
            await until(lambda: len(client.acknowledgements) == 10)
            assert client.received.empty()
            await client.raw(pieces[0])
            assert await client.exactly(10) == b"0123456789"
            assert sorted(client.acknowledgements) == list(range(11))

    asyncio.run(scenario())


def test_doubles_are_acknowledged_again_and_not_delivered_again(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client(SSH, portNumber=await aws.serve(echo))
            await client.shake_hands()
            piece = client.number(b"once")
            for _ in range(3):
                await client.raw(piece)
                await asyncio.sleep(0.05)
            await client.send(b"!")
            assert await client.output(b"!") == b"once!"
            assert client.acknowledgements.count(1) == 3

    asyncio.run(scenario())


def test_a_session_goes_on_after_its_websocket_broke(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            mux, session_id = await aws.mux(await aws.serve(echo))
            client = mux.client
            stream = await mux.open()
            data = random.Random(1).randbytes(400_000)  # noqa: S311 - test data
            writing = asyncio.create_task(mux.write(stream, data))

            def reached(goal: int) -> bool:
                return len(mux.data[stream]) >= goal

            for goal in (80_000, 160_000, 240_000):
                await until(partial(reached, goal))
                assert aws.gateway.drop(session_id)
                await client.lost()
                await aws.until(session_id, "Disconnected")
                assert not aws.gateway.drop(session_id)
                await aws.resume(client, session_id)
                for lost in list(client.unacknowledged.values()):
                    await client.raw(lost)
            await writing
            await until(partial(reached, len(data)))
            assert bytes(mux.data[stream]) == data
            assert len(aws.guest.dialed) == 1
            await aws.until(session_id, "Connected")

    asyncio.run(scenario())


def test_a_second_websocket_takes_the_session_over(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client()
            await client.send(b"x=kept; echo one\n")
            await client.output(b"one\n")
            first = client._connection
            await client.attach(aws.registry.resume(session_id))
            assert first is not None
            await asyncio.wait_for(first.wait_closed(), 5)
            await client.send(b"echo $x\n")
            assert await client.output(b"kept\n") == b"kept\n"
            assert aws.status(session_id) == "Connected"

    asyncio.run(scenario())


def test_all_websockets_can_be_cut(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            clients = [(await aws.client())[0] for _ in range(3)]
            for client in clients:
                await client.send(b"echo up\n")
                await client.output(b"up\n")
            assert aws.gateway.drop_all() == 3
            await asyncio.gather(*(client.lost() for client in clients))
            assert all(client.close_code == 1006 for client in clients)

    asyncio.run(scenario())


def test_the_last_words_wait_for_a_client_that_comes_back(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client(COMMAND, command="echo last words")
            client.ignore = lambda _message: True
            await client.detach()
            client.ignore = lambda _message: False
            await asyncio.sleep(0.2)
            await client.attach(aws.registry.resume(session_id))
            assert await client.output(b"\n") == b"last words\n"
            await client.goodbye()

    asyncio.run(scenario())


def test_paused_publication_holds_output_back(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, _ = await aws.client()
            await client.raw(wire.encode(wire.make(wire.MessageType.PAUSE_PUBLICATION, b"")))
            await client.send(b"echo held\n")
            await asyncio.sleep(0.3)
            assert client.received.empty()
            await client.raw(wire.encode(wire.make(wire.MessageType.START_PUBLICATION, b"")))
            assert await client.output(b"held\n") == b"held\n"

    asyncio.run(scenario())


@pytest.mark.parametrize("pace", [None, "agent"])
def test_output_waits_for_a_client_that_acknowledges_nothing(cloud: Any, pace: str | None) -> None:
    async def scenario() -> None:
        async with cloud(pace=pace) as aws:
            client, _ = await aws.client(COMMAND, command="head -c 3000000 /dev/zero")
            client.lose_acknowledgement = lambda _message: True
            began = time.monotonic()
            await client.exactly(200 * 1024)
            took = time.monotonic() - began
            await asyncio.sleep(0.2)
            fresh = {frame.sequence for frame in client.frames}
            if pace is None:
                assert max(fresh) < 1024 + 10, "more than the window, and what was sent again meanwhile"
            else:
                assert took >= 0.19, "faster than a message a millisecond"

    asyncio.run(scenario())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_the_oldest_message_is_sent_again_and_not_for_ever() -> None:
    clock = Clock()
    outgoing = Outgoing(clock)
    first, second = outgoing.number(1, b"a"), outgoing.number(1, b"b")
    assert outgoing.overdue() is None
    clock.now = 0.3
    assert outgoing.overdue() == first
    assert outgoing.overdue() is None
    outgoing.acknowledged(0)
    outgoing.acknowledged(0)
    clock.now = 5
    assert outgoing.overdue() == second
    assert outgoing.all_again() == [second]
    for _ in range(RESEND_ATTEMPTS - 1):
        clock.now += 2
        assert outgoing.overdue() == second
    clock.now += 2
    with pytest.raises(TimeoutError):
        outgoing.overdue()


def test_what_nobody_takes_is_not_acknowledged() -> None:
    incoming = Incoming()

    def arrives(sequence: int) -> bool:
        return incoming.arrived(wire.make(wire.MessageType.INPUT, b"", sequence=sequence))

    assert [arrives(number) for number in (0, 0, 1, 3, 3)] == [False, False, False, True, True]
    taken, acknowledge = incoming.take()
    assert (taken.sequence, acknowledge) == (0, True)
    assert arrives(0)
    assert not arrives(1)
    assert incoming.take()[1]
    assert not incoming.ready
    with pytest.raises(LookupError):
        incoming.take()
    assert not arrives(2)
    assert [incoming.take()[1] for _ in range(2)] == [True, False]


def test_a_handshake_is_not_repeated_after_a_resume(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            client, session_id = await aws.client(
                FORWARDING, version="1.1.0", portNumber=await aws.serve(echo)
            )
            await client.shake_hands()
            await aws.resume(client, session_id)
            await client.send(b"data")
            assert await client.exactly(4) == b"data"
            assert [frame.payload_type for frame in client.frames] == [5, 7, 1]

    asyncio.run(scenario())
