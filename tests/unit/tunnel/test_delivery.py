"""Numbers, acknowledgements and resends, with every accident and no clock but a counter."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ds_ec2.tunnel import codec
from ds_ec2.tunnel.channel import Channel, ChannelClosedError, ChannelOptions
from ds_ec2.tunnel.codec import Message, PayloadType, decode, encode
from ds_ec2.tunnel.delivery import GIVE_UP_AFTER, Receiver, Sender
from ds_ec2.tunnel.link import LinkLostError

ACCIDENTS = st.sampled_from(["pass", "drop", "duplicate", "hold", "lose the acknowledgement"])


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20), st.lists(ACCIDENTS, max_size=200))
def test_bytes_in_are_bytes_out(payloads: list[bytes], accidents: list[str]) -> None:
    sender, receiver = Sender(window=1 << 20), Receiver()
    now = 0.0
    wire = [sender.add(1, payload, now) for payload in payloads]
    arrived: list[bytes] = []
    accident = iter(accidents)
    while wire or not sender.idle:
        now += 2  # longer than any timeout: the oldest is always due
        if not wire:
            overdue = sender.overdue(now)
            assert overdue is not None
            wire.append(overdue)
        frame = wire.pop(0)
        match next(accident, "pass"):
            case "drop":
                continue
            case "duplicate":
                wire.append(frame)
            case "hold":
                wire.append(frame)
                continue
            case "lose the acknowledgement":
                ready = receiver.take(decode(frame))
                arrived += [message.payload for message in ready or []]
                continue
        ready = receiver.take(decode(frame))
        assert ready is not None
        arrived += [message.payload for message in ready]
        sender.acknowledge(decode(frame).sequence, now)
    assert arrived == payloads
    assert sender.unacknowledged_bytes == 0


def test_only_the_oldest_is_sent_again_and_not_before_its_time() -> None:
    sender = Sender(window=100)
    first, _second = sender.add(1, b"first", 0), sender.add(1, b"second", 0)
    assert sender.overdue(0.199) is None
    assert sender.overdue(0.2) == first
    assert sender.overdue(0.3) is None
    assert sender.overdue(0.41) == first


def test_the_window_holds_up_instead_of_dropping() -> None:
    sender = Sender(window=10)
    sender.add(1, b"123456", 0)
    assert sender.has_room
    sender.add(1, b"789012", 0)
    assert not sender.has_room
    sender.acknowledge(0, 0.1)
    assert sender.has_room
    sender.acknowledge(0, 0.2)  # a second time changes nothing
    assert sender.unacknowledged_bytes == 6


def test_a_new_websocket_begins_with_what_was_not_acknowledged() -> None:
    sender = Sender(window=100)
    frames = [sender.add(1, bytes([n]), 0) for n in range(3)]
    sender.acknowledge(1, 0.1)
    assert sender.pending() == [frames[0], frames[2]]


def test_it_gives_up_after_three_thousand_attempts() -> None:
    sender = Sender(window=10)
    sender.add(1, b"x", 0)
    for attempt in range(1, GIVE_UP_AFTER):
        assert sender.overdue(attempt * 2) is not None
    with pytest.raises(TimeoutError):
        sender.overdue(GIVE_UP_AFTER * 2)


def test_a_message_beyond_the_buffer_is_not_acknowledged() -> None:
    receiver = Receiver()
    for number in range(1, 10_001):
        assert receiver.take(Message(codec.OUTPUT, number, 1, b"")) == []
    assert receiver.take(Message(codec.OUTPUT, 10_001, 1, b"")) is None
    ready = receiver.take(Message(codec.OUTPUT, 0, 1, b""))
    assert ready is not None
    assert [message.sequence for message in ready] == list(range(10_001))


class Wire:
    """A link whose other end is the test."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.sent: list[Message] = []
        self.blocked = asyncio.Event()
        self.blocked.set()
        self.closed = False

    async def send(self, frame: bytes) -> None:
        await self.blocked.wait()
        self.sent.append(decode(frame))

    async def receive(self) -> bytes:
        frame = await self.incoming.get()
        if not frame:
            raise LinkLostError("cut")
        return frame

    async def close(self) -> None:
        self.closed = True

    def output(self, sequence: int, payload: bytes = b"x") -> None:
        self.incoming.put_nowait(encode(Message(codec.OUTPUT, sequence, 1, payload)))

    def acknowledge(self, message: Message) -> None:
        document = json.dumps({"AcknowledgedMessageSequenceNumber": message.sequence}).encode()
        self.incoming.put_nowait(encode(Message(codec.ACKNOWLEDGE, 0, 0, document, flags=3)))

    def acknowledged(self) -> list[int]:
        return [
            json.loads(m.payload)["AcknowledgedMessageSequenceNumber"]
            for m in self.sent
            if m.message_type == codec.ACKNOWLEDGE
        ]

    def data(self) -> list[bytes]:
        return [m.payload for m in self.sent if m.message_type == codec.INPUT]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_everything_is_acknowledged_duplicates_again_and_damage_never() -> None:
    async def main() -> None:
        wire = Wire()
        channel = Channel(wire)
        wire.output(1)
        wire.output(0)
        wire.output(0)
        wire.incoming.put_nowait(b"\0" * 130)
        wire.output(2)
        received = [await channel.receive() for _ in range(3)]
        assert [m.sequence for m in received if m] == [0, 1, 2]
        await settle()
        assert wire.acknowledged() == [1, 0, 0, 2]
        await channel.close()
        assert wire.closed

    asyncio.run(main())


def test_a_full_window_holds_the_sender_until_an_acknowledgement() -> None:
    async def main() -> None:
        wire = Wire()
        channel = Channel(wire, ChannelOptions(pace=0, window=2048, resend_every_s=60))
        sending = asyncio.create_task(channel.send_bytes(b"a" * 4096))
        receiving = asyncio.create_task(channel.receive())
        await settle()
        assert len(wire.data()) == 2
        wire.acknowledge(wire.sent[0])
        await settle()
        assert len(wire.data()) == 3
        assert not sending.done()
        wire.acknowledge(wire.sent[1])
        await asyncio.wait_for(sending, 1)
        receiving.cancel()
        await channel.close()

    asyncio.run(main())


def test_acknowledgements_overtake_data_and_wait_for_no_window() -> None:
    async def main() -> None:
        wire = Wire()
        wire.blocked.clear()
        channel = Channel(wire, ChannelOptions(pace=0, window=3000, resend_every_s=60))
        sending = asyncio.create_task(channel.send_bytes(b"a" * 10_000))
        await settle()
        wire.output(0)
        await channel.receive()
        await settle()
        wire.blocked.set()
        await settle()
        assert wire.acknowledged() == [0]
        assert [m.message_type for m in wire.sent[:2]] == [codec.INPUT, codec.ACKNOWLEDGE]
        assert len(wire.data()) == 3
        sending.cancel()
        await channel.close()

    asyncio.run(main())


def test_the_pace_spreads_messages_over_time() -> None:
    async def main() -> float:
        wire = Wire()
        channel = Channel(wire, ChannelOptions(pace=500))
        begun = asyncio.get_running_loop().time()
        for _ in range(100):
            await channel.send(PayloadType.OUTPUT, b"x")
        await channel.close()
        return asyncio.get_running_loop().time() - begun

    # 100 messages at 500 a second, less the burst of 30 ms.
    assert 0.15 < asyncio.run(main()) < 0.6


def test_a_lost_message_is_sent_again_only_while_somebody_reads() -> None:
    async def main() -> None:
        wire = Wire()
        now = [0.0]
        channel = Channel(wire, ChannelOptions(pace=0, resend_every_s=0.01), clock=lambda: now[0])
        await channel.send(PayloadType.OUTPUT, b"lost")
        await settle()
        now[0] = 10
        await asyncio.sleep(0.05)
        assert wire.data() == [b"lost"]  # acknowledgements may lie unread in the socket
        receiving = asyncio.create_task(channel.receive())
        await asyncio.sleep(0.05)
        assert wire.data() == [b"lost", b"lost"]
        receiving.cancel()
        await channel.close()

    asyncio.run(main())


def test_a_cut_websocket_ends_the_channel() -> None:
    async def main() -> None:
        wire = Wire()
        channel = Channel(wire)
        wire.output(0, b"before")
        wire.incoming.put_nowait(b"")
        first = await channel.receive()
        assert first is not None
        assert first.payload == b"before"
        with pytest.raises(LinkLostError, match="cut"):
            await channel.receive()
        with pytest.raises(ChannelClosedError):
            await channel.send(PayloadType.OUTPUT, b"after")
        await channel.close()

    asyncio.run(main())


def test_channel_closed_ends_it_with_the_reason() -> None:
    async def main() -> None:
        wire = Wire()
        channel = Channel(wire)
        wire.output(0)
        wire.incoming.put_nowait(encode(Message(codec.CHANNEL_CLOSED, 0, 0, b'{"Output": "timed out"}')))
        assert await channel.receive() is not None
        assert await channel.receive() is None
        assert channel.reason == "timed out"
        await channel.close()

    asyncio.run(main())
