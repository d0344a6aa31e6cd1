"""Port sessions: one TCP connection as raw bytes, or several under smux.

Source: agent/session/plugins/port of the agent.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from ds_ec2_local.instances.guest_client import DialRefusedError, open_dial
from ds_ec2_local.session_manager import smux, wire
from ds_ec2_local.session_manager.channel import DataChannel
from ds_ec2_local.session_manager.ending import SessionEnded

READ_SIZE = 32_768
LINGER_S = 30.0
"""How long a connection that is closed may take to get rid of its data."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the connections of a session go: an address as the instance sees it."""

    guest_socket: Path
    host: str
    port: int

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open one connection.

        Raises:
            DialRefusedError: Nothing answers there.
            SessionEnded: The instance is gone.
        """
        try:
            return await open_dial(self.guest_socket, self.host, self.port)
        except DialRefusedError as error:
            if isinstance(error.__cause__, OSError):
                raise SessionEnded("The instance is no longer running.", failed=True) from error
            raise


def flag_of(message: wire.Message) -> int | None:
    """Return the flag that a message carries, if it is one of those."""
    if message.payload_type != wire.PayloadType.FLAG or len(message.payload) != 4:
        return None
    return int.from_bytes(message.payload, "big")


class BasicPort:
    """One connection, as raw bytes: SSH, and clients that know no smux."""

    def __init__(self, channel: DataChannel, destination: Destination) -> None:
        self._channel = channel
        self._destination = destination

    async def run(self) -> None:
        """Carry bytes until the connection ends; a client that lost its own gets a new one.

        Raises:
            SessionEnded: Nothing answers, or the client ends the session.
        """
        again = True
        while again:
            try:
                reader, writer = await self._destination.dial()
            except DialRefusedError as error:
                raise SessionEnded(f"Unable to connect to specified port: {error}", failed=True) from error
            try:
                again = await self._carry(reader, writer)
            finally:
                await close(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Return whether the client wants a new connection."""
        down = asyncio.create_task(self._down(reader))
        up = asyncio.create_task(self._up(writer))
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            if not up.done():
                await down
                return False
            return await up
        finally:
            down.cancel()
            up.cancel()
            await asyncio.gather(down, up, return_exceptions=True)

    async def _down(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_SIZE):
                await self._channel.send_bytes(data)

    async def _up(self, writer: asyncio.StreamWriter) -> bool:
        while True:
            message = await self._channel.receive()
            flag = flag_of(message)
            if flag == wire.Flag.TERMINATE_SESSION:
                raise SessionEnded
            if flag == wire.Flag.DISCONNECT_TO_PORT:
                return True
            if message.payload_type == wire.PayloadType.OUTPUT:
                # A connection that broke is noticed, and ends the session, where it is read.
                with contextlib.suppress(ConnectionError):
                    writer.write(message.payload)
                    await writer.drain()


@dataclass(slots=True)
class Stream:
    """A stream of the client; None in its inbox is the end."""

    number: int
    inbox: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    waiting: int = 0


class MuxPort:
    """Several connections: one SYN of the client, one connection in the instance."""

    def __init__(self, channel: DataChannel, destination: Destination) -> None:
        self._channel = channel
        self._destination = destination
        self._streams: dict[int, Stream] = {}
        self._waiting = 0
        self._room = asyncio.Event()
        self._frame_lock = asyncio.Lock()

    async def run(self) -> None:
        """Carry streams until the client ends the session.

        Raises:
            SessionEnded: The client ends the session, breaks smux, or the instance is gone.
        """
        parser = smux.FrameParser()
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    for frame in parser.feed(await self._bytes()):
                        self._on_frame(frame, tasks)
                    await self._wait_for_room()
        except* SessionEnded as ended:
            raise ended.exceptions[0] from None
        except* smux.SmuxError as error:
            raise SessionEnded(str(error.exceptions[0]), failed=True) from error

    async def _bytes(self) -> bytes:
        message = await self._channel.receive()
        if flag_of(message) == wire.Flag.TERMINATE_SESSION:
            raise SessionEnded
        return message.payload if message.payload_type == wire.PayloadType.OUTPUT else b""

    def _on_frame(self, frame: smux.Frame, tasks: asyncio.TaskGroup) -> None:
        stream = self._streams.get(frame.stream)
        if frame.command == smux.Command.SYN and stream is None:
            stream = self._streams[frame.stream] = Stream(frame.stream)
            tasks.create_task(self._serve(stream))
        elif frame.command == smux.Command.PSH and stream is not None:
            stream.inbox.put_nowait(frame.payload)
            stream.waiting += len(frame.payload)
            self._waiting += len(frame.payload)
        elif frame.command == smux.Command.FIN and stream is not None:
            stream.inbox.put_nowait(None)

    async def _wait_for_room(self) -> None:
        """Take no more while smux's buffer is full: one slow reader holds up all, as it does on AWS."""
        while self._waiting >= smux.MAX_RECEIVE_BUFFER:
            self._room.clear()
            await self._room.wait()

    async def _serve(self, stream: Stream) -> None:
        try:
            reader, writer = await self._destination.dial()
        except DialRefusedError:
            flag = int(wire.Flag.CONNECT_TO_PORT_ERROR).to_bytes(4, "big")
            await self._channel.send(wire.PayloadType.FLAG, flag)
            await self._finish(stream)
            return
        try:
            await self._carry(stream, reader, writer)
            await self._finish(stream)
        finally:
            await close(writer)

    async def _finish(self, stream: Stream) -> None:
        """End a stream on both sides."""
        del self._streams[stream.number]
        self._taken(stream, stream.waiting)
        await self._send(smux.Frame(smux.Command.FIN, stream.number))

    async def _carry(
        self, stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry bytes both ways; the end of either way is the end of both."""
        ways = {
            asyncio.create_task(self._down(stream, reader)),
            asyncio.create_task(self._up(stream, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _down(self, stream: Stream, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_SIZE):
                await self._send(smux.Frame(smux.Command.PSH, stream.number, data))

    async def _up(self, stream: Stream, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while (data := await stream.inbox.get()) is not None:
                writer.write(data)
                await writer.drain()
                self._taken(stream, len(data))

    async def _send(self, frame: smux.Frame) -> None:
        """Send one frame whole: messages of two frames never interleave."""
        async with self._frame_lock:
            await self._channel.send_bytes(smux.encode(frame))

    def _taken(self, stream: Stream, size: int) -> None:
        stream.waiting -= size
        self._waiting -= size
        self._room.set()


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection once its data is written, or soon."""
    writer.close()
    try:
        async with asyncio.timeout(LINGER_S):
            await writer.wait_closed()
    except (ConnectionError, TimeoutError):
        logger.debug("a connection broke while it was closed")
    finally:
        writer.transport.abort()
