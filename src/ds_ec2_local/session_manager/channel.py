"""The agent's end of a data channel: one reliable stream each way, over any number of websockets in turn."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ds_ec2_local.session_manager import wire
from ds_ec2_local.session_manager.delivery import RESEND_INTERVAL_S, Incoming, Outgoing

BACKLOG = 64
"""Messages that wait for a websocket before those who send are held up."""
FLUSH_TIMEOUT_S = 5.0
"""How long the end of a session waits for the client to acknowledge what it was sent."""

logger = logging.getLogger(__name__)


class Link:
    """One websocket. Nothing that reads ever waits for it: a task of its own writes."""

    def __init__(self, connection: ServerConnection, progress: Callable[[], None]) -> None:
        self.connection = connection
        self._progress = progress
        self._frames: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self.drained = asyncio.Event()
        """Set while everything is written, and when the websocket is gone."""

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, data: bytes) -> None:
        """Queue one message."""
        self._frames.append(data)
        self.drained.clear()
        self._wake.set()

    async def write(self) -> None:
        """Write what is queued until the websocket breaks."""
        while True:
            while self._frames:
                await self.connection.send(self._frames.popleft())
            self.drained.set()
            self._progress()
            self._wake.clear()
            await self._wake.wait()

    def cut(self) -> None:
        """Break the websocket without a goodbye, as a lost network does."""
        self.connection.transport.abort()


class DataChannel:
    """The agent's end. It keeps its counters and what is not acknowledged while no client is there.

    `pace_s` is the pause after each message of output; `window` the messages without acknowledgement after
    which output waits.
    """

    def __init__(self, pace_s: float, window: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace_s = pace_s
        self._window = window
        self._clock = clock
        self._outgoing = Outgoing(clock)
        self._incoming = Incoming()
        self._link: Link | None = None
        self._paused = False
        self._progressed = asyncio.Event()
        self._arrived = asyncio.Event()
        self.last_activity = clock()
        """When a message of either stream was last sent or received, on the channel's clock."""

    @property
    def attached(self) -> bool:
        """Whether a client is there."""
        return self._link is not None

    async def serve(self, connection: ServerConnection) -> None:
        """Carry the channel over a websocket, in place of the one before, until it closes."""
        self.cut()
        link = Link(connection, self._progressed.set)
        self._link = link
        self._paused = False
        for data in self._outgoing.all_again():
            link.put(data)
        writing = asyncio.create_task(link.write())
        try:
            async for frame in connection:
                if isinstance(frame, bytes):
                    self._on_frame(frame, link)
        except ConnectionClosed:
            logger.debug("the client's websocket broke")
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            if self._link is link:
                self._link = None
            link.drained.set()
            self._progressed.set()

    def cut(self) -> None:
        """Break the websocket there is, without a goodbye."""
        if self._link is not None:
            self._link.cut()
            self._link = None

    async def send(self, payload_type: int, payload: bytes) -> None:
        """Send one message; waits while there is no client, or it acknowledges too little."""
        while not self._may_send():
            self._progressed.clear()
            await self._progressed.wait()
        data = self._outgoing.number(payload_type, payload)
        if self._link is not None:
            self._link.put(data)
        self.last_activity = self._clock()
        if self._pace_s:
            await asyncio.sleep(self._pace_s)

    async def send_bytes(self, data: bytes, payload_type: int = wire.PayloadType.OUTPUT) -> None:
        """Send bytes of a stream, in messages of the size that the agent uses."""
        for start in range(0, len(data), wire.MAX_PAYLOAD):
            await self.send(payload_type, data[start : start + wire.MAX_PAYLOAD])

    async def receive(self) -> wire.Message:
        """Return the next message of the client, in order, and acknowledge it.

        What nobody receives is not acknowledged, and the client sends it again.
        """
        while not self._incoming.ready:
            self._arrived.clear()
            await self._arrived.wait()
        message, acknowledge = self._incoming.take()
        if acknowledge and self._link is not None:
            self._link.put(wire.encode(wire.acknowledge(message)))
        return message

    async def resend(self) -> None:
        """Send overdue messages again, for ever.

        Raises:
            TimeoutError: The client is there but acknowledges nothing.
        """
        while True:
            await asyncio.sleep(RESEND_INTERVAL_S)
            if self._link is None or self._paused:
                continue
            data = self._outgoing.overdue()
            if data is not None:
                self._link.put(data)

    async def flush(self) -> None:
        """Wait, for a while, until the client acknowledged everything; it may have to come back for it."""
        deadline = self._clock() + FLUSH_TIMEOUT_S
        while len(self._outgoing) and self._clock() < deadline:
            self._progressed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._progressed.wait(), RESEND_INTERVAL_S)

    async def close(self, goodbye: wire.Message) -> None:
        """Send the service's last message and close the websocket."""
        if self._link is not None:
            link = self._link
            link.put(wire.encode(goodbye))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(link.drained.wait(), FLUSH_TIMEOUT_S)
            await link.connection.close()

    def _may_send(self) -> bool:
        return (
            self._link is not None
            and not self._paused
            and len(self._link) < BACKLOG
            and len(self._outgoing) < self._window
        )

    def _on_frame(self, frame: bytes, link: Link) -> None:
        try:
            message = wire.decode(frame)
            if message.message_type == wire.MessageType.ACKNOWLEDGE:
                self._outgoing.acknowledged(wire.acknowledged_sequence(message))
                self._progressed.set()
            elif message.message_type == wire.MessageType.INPUT:
                self._on_input(message, link)
            elif message.message_type in {
                wire.MessageType.PAUSE_PUBLICATION,
                wire.MessageType.START_PUBLICATION,
            }:
                self._paused = message.message_type == wire.MessageType.PAUSE_PUBLICATION
                self._progressed.set()
        except wire.WireError as error:
            logger.warning("a message was refused: %s", error)

    def _on_input(self, message: wire.Message, link: Link) -> None:
        self.last_activity = self._clock()
        if self._incoming.arrived(message):
            link.put(wire.encode(wire.acknowledge(message)))
        if self._incoming.ready:
            self._arrived.set()
