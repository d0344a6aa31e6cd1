"""A reliable stream of messages over one session, whatever websocket carries it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ds_ec2.tunnel.codec import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    MAX_PAYLOAD,
    OUTPUT,
    Message,
    PayloadType,
    WireError,
    decode,
    encode,
)
from ds_ec2.tunnel.delivery import Receiver, Sender
from ds_ec2.tunnel.documents import acknowledged, acknowledgement, closing_words
from ds_ec2.tunnel.link import LinkLostError
from ds_ec2.tunnel.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.tunnel.link import Link

DEFAULT_PACE: Final = 1000.0
"""Messages a second upwards: 1 MB/s. The service is said to slow sessions that send faster.

Source: https://github.com/aws/session-manager-plugin/issues/145 (reported, not documented by AWS).
"""
_QUEUE_LIMIT: Final = 64
"""Messages encoded ahead of the socket: enough to keep it busy, few enough for a prompt answer to a key."""


class ChannelClosedError(Exception):
    """Nothing can be sent any more."""


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """How a channel behaves.

    Args:
        pace: Messages of 1,024 bytes a second upwards; 0 for no limit.
        window: Bytes that may be on their way without an acknowledgement.
        resend_every_s: How often the oldest unacknowledged message is looked at.
    """

    pace: float = DEFAULT_PACE
    window: int = 1_000_000
    resend_every_s: float = 0.1


class Channel:
    """Messages of one session: numbered, acknowledged, in order, each once.

    Reading is pulled: nothing is taken from the websocket while nobody is inside `receive`, and that is the
    brake on a sender without a window. Acknowledgements wait for nobody: they never wait for room.
    """

    def __init__(
        self,
        link: Link,
        options: ChannelOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reason = ""
        """Why it ended, in the service's words; empty when it just ended."""
        self.closed = False
        self._options = options or ChannelOptions()
        self._link = link
        self._clock = clock
        self._sender = Sender(self._options.window)
        self._receiver = Receiver()
        self._ready: deque[Message] = deque()
        self._urgent: deque[bytes] = deque()
        self._queue: deque[bytes] = deque()
        self._turn = asyncio.Lock()
        self._pace = Pace(self._options.pace, clock)
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._receiving = False
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._resend())]

    async def send(self, payload_type: int, payload: bytes) -> None:
        """Send a message of at most 1,024 bytes; waits for its turn, the pace and the window.

        Raises:
            ChannelClosedError: The session has ended.
        """
        async with self._turn:
            await self._pace.take()
            while not self.closed and not (self._sender.has_room and len(self._queue) < _QUEUE_LIMIT):
                self._room.clear()
                await self._room.wait()
            if self.closed:
                raise ChannelClosedError(self.reason or "the session has ended")
            self._queue.append(self._sender.add(payload_type, payload, self._clock()))
            self._work.set()

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as output messages, cut at 1,024."""
        for start in range(0, len(data), MAX_PAYLOAD):
            await self.send(PayloadType.OUTPUT, data[start : start + MAX_PAYLOAD])

    async def receive(self) -> Message | None:
        """Return the next message in order; None when the session has ended.

        Raises:
            LinkLostError: The websocket broke.
        """
        self._receiving = True
        try:
            while not self._ready:
                if self.closed:
                    return None
                self._take(await self._link.receive())
            return self._ready.popleft()
        except LinkLostError as error:
            self._end(str(error))
            raise
        finally:
            self._receiving = False

    async def flush(self, timeout_s: float) -> bool:
        """Wait until everything is acknowledged; somebody else must be inside `receive` meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self._sender.idle and not self.closed:
                    self._room.clear()
                    await self._room.wait()
        return self._sender.idle

    async def close(self) -> None:
        """Stop, and close the websocket; what is unacknowledged is given up."""
        self._end(self.reason)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()

    def _end(self, reason: str) -> None:
        if not self.closed:
            self.closed = True
            self.reason = reason
        self._room.set()

    def _take(self, frame: bytes) -> None:
        try:
            message = decode(frame)
            if message.message_type == ACKNOWLEDGE:
                self._sender.acknowledge(acknowledged(message), self._clock())
                self._room.set()
                return
        except WireError:
            return  # not acknowledged: if it was a message, it comes again
        if message.message_type == CHANNEL_CLOSED:
            self._end(closing_words(message))
        elif message.message_type == OUTPUT and (ready := self._receiver.take(message)) is not None:
            self._ready.extend(ready)
            self._urgent.append(encode(acknowledgement(message)))
            self._work.set()

    async def _write(self) -> None:
        """Write what is queued, acknowledgements first."""
        try:
            while True:
                while self._urgent or self._queue:
                    frame = self._urgent.popleft() if self._urgent else self._queue.popleft()
                    await self._link.send(frame)
                    self._room.set()
                self._work.clear()
                await self._work.wait()
        except LinkLostError as error:
            self._end(str(error))

    async def _resend(self) -> None:
        while True:
            await asyncio.sleep(self._options.resend_every_s)
            # While nobody reads, acknowledgements lie in the socket and nothing can be said to be lost.
            if not self._receiving:
                continue
            try:
                frame = self._sender.overdue(self._clock())
            except TimeoutError as error:
                self._end(str(error))
                await self._link.close()
                return
            if frame is not None:
                self._urgent.append(frame)
                self._work.set()
