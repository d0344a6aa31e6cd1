"""Many connections in one session, and what happens when one of them is not read."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ds_ec2.tunnel.channel import ChannelClosedError
from ds_ec2.tunnel.codec import Flag, PayloadType
from ds_ec2.tunnel.link import LinkLostError
from ds_ec2.tunnel.smux import DATA, FINISH, MAX_DATA, OPEN, Frame, FrameParser, SmuxError, encode_frame

if TYPE_CHECKING:
    from ds_ec2.tunnel.codec import Message
    from ds_ec2.tunnel.session import Session

DEFAULT_BUDGET: Final = 32 << 20
"""Bytes that a session holds for readers that are slow. smux version 1 cannot tell the other side to pause
one stream: up to here a stalled reader holds up nobody, beyond it the whole session waits for it."""


class StreamLostError(Exception):
    """The session broke under a stream: what arrived so far may not be all."""


class MuxStream:
    """One connection to the machine's port."""

    def __init__(self, mux: Mux, number: int) -> None:
        self.number = number
        self.refused = False
        """The machine could not connect: nothing listens on its port."""
        self.received = 0
        self._mux = mux
        self._chunks: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._finished = False
        self._lost = ""
        self._closed = False

    async def read(self) -> bytes:
        """Return what has arrived, empty at the end.

        Raises:
            StreamLostError: The session broke.
        """
        while not self._chunks:
            if self._lost:
                raise StreamLostError(self._lost)
            if self._finished:
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._mux.release(len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Send data, waiting for room. What is sent after the other side finished is dropped.

        Raises:
            StreamLostError: The session broke.
        """
        for start in range(0, len(data), MAX_DATA):
            if self._finished or self._closed:
                return
            await self._mux.send(Frame(DATA, self.number, data[start : start + MAX_DATA]))

    async def close(self) -> None:
        """End the connection, both directions: smux knows no half."""
        if self._closed:
            return
        self._closed = True
        self._mux.release(sum(len(chunk) for chunk in self._chunks))
        self._chunks.clear()
        told = self._finished or self._lost
        self._mux.forget(self.number)
        if not told:
            with suppress(StreamLostError):
                await self._mux.send(Frame(FINISH, self.number))

    def feed(self, data: bytes) -> None:
        """Take data from the session."""
        self.received += len(data)
        self._chunks.append(data)
        self._arrived.set()

    def finish(self, lost: str = "") -> None:
        """Take the end from the session; `lost` is the reason where it is no proper one."""
        self._finished = True
        self._lost = lost
        self._arrived.set()


class Mux:
    """The streams of one port session, which it owns.

    Args:
        session: A session after its handshake.
        budget: Bytes held for slow readers, all streams together.
    """

    def __init__(self, session: Session, budget: int = DEFAULT_BUDGET) -> None:
        self.reason = ""
        """Why it ended; empty while it lives."""
        self._session = session
        self._budget = budget
        self._held = 0
        self._drained = asyncio.Event()
        self._streams: dict[int, MuxStream] = {}
        self._next = 3  # a client's streams are odd; smux begins with 3
        self._parser = FrameParser()
        self._refused = False
        self._reader = asyncio.create_task(self._read())

    @property
    def alive(self) -> bool:
        """Whether streams can be opened."""
        return not self.reason

    async def open(self) -> MuxStream:
        """Open a connection to the machine's port.

        Raises:
            StreamLostError: The session has ended.
        """
        stream = MuxStream(self, self._next)
        self._next += 2
        self._streams[stream.number] = stream
        try:
            await self.send(Frame(OPEN, stream.number))
        except BaseException:
            self.forget(stream.number)
            raise
        return stream

    async def send(self, frame: Frame) -> None:
        """Send one frame, which fills at most one message: two streams' frames cannot mix."""
        try:
            await self._session.channel.send(PayloadType.OUTPUT, encode_frame(frame))
        except ChannelClosedError as error:
            raise StreamLostError(str(error)) from error

    def release(self, size: int) -> None:
        """Give back budget: a reader took `size` bytes."""
        self._held -= size
        if self._held <= self._budget // 2:
            self._drained.set()

    def forget(self, number: int) -> None:
        """Drop a stream that is closed on our side."""
        self._streams.pop(number, None)

    async def close(self, flush_s: float = 2.0) -> None:
        """Send what is under way, tell the agent, and terminate the session."""
        if self.alive:
            with suppress(ChannelClosedError, TimeoutError):
                async with asyncio.timeout(flush_s):
                    flag = Flag.TERMINATE_SESSION.to_bytes(4, "big")
                    await self._session.channel.send(PayloadType.FLAG, flag)
                    await self._session.channel.flush(flush_s)
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._end("the tunnel was closed")
        await self._session.close()

    async def _read(self) -> None:
        reason = "the session ended"
        try:
            while (message := await self._session.channel.receive()) is not None:
                self._take(message)
                while self._held > self._budget:
                    self._drained.clear()
                    await self._drained.wait()
            reason = self._session.channel.reason or reason
        except (LinkLostError, SmuxError) as error:
            reason = str(error) or reason
        finally:
            self._end(reason)

    def _take(self, message: Message) -> None:
        if message.payload_type == PayloadType.FLAG:
            # The flag names no stream; the refused stream's end follows it.
            self._refused = self._refused or message.payload == Flag.CONNECT_TO_PORT_ERROR.to_bytes(4, "big")
        elif message.payload_type == PayloadType.OUTPUT:
            for frame in self._parser.feed(message.payload):
                self._take_frame(frame)

    def _take_frame(self, frame: Frame) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None:
            return  # closed on our side; the rest of its data is nobody's
        if frame.command == DATA:
            stream.feed(frame.data)
            self._held += len(frame.data)
        elif frame.command == FINISH:
            if self._refused and not stream.received:
                stream.refused, self._refused = True, False
            self.forget(stream.number)
            stream.finish()

    def _end(self, reason: str) -> None:
        self.reason = self.reason or reason
        for stream in self._streams.values():
            stream.finish(lost=self.reason)
        self._streams.clear()
