"""A listening port on this computer whose connections travel through a road."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel.mux import StreamLostError

if TYPE_CHECKING:
    from ds_ec2.tunnel.mux import MuxStream
    from ds_ec2.tunnel.road import Road

_CHUNK: Final = 1 << 16
_HALF_CLOSED_S: Final = 30.0
"""A program that ends its sending may still read. smux knows no half-closed stream, so the stream stays until
the machine has been silent for so long."""
_LAST_BYTES_S: Final = 2.0
"""After the machine's end, what the program still sends is read and dropped for so long: closing over
unread bytes would reset the connection and destroy what it has not read yet."""


class Forwarder:
    """Listens on 127.0.0.1 alone, and serves each connection with a stream of its own."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def listen(self, port: int) -> int:
        """Listen on `port`, 0 for any free one; return the port.

        Raises:
            DsEc2Error: The port is in use.
        """
        try:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=_CHUNK)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise DsEc2Error(
                f"port {port} of this computer {'is in use' if taken else 'cannot be opened'}",
                why=error.strerror or str(error),
                hint=f"choose another one: --port {port + 1 if port < 65535 else 8889}",
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and break every connection."""
        if self._server is not None:
            self._server.close()
        connections = dict(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        for writer in connections.values():
            await _reset(writer)  # a task that was cancelled before it began has closed nothing

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            stream = await self._road.open_stream()
        except DsEc2Error:
            await _reset(writer)  # the road has told the user
            return
        whole = False
        try:
            whole = await _carry(reader, writer, stream)
            if stream.refused:
                self._road.options.on_event("the machine refused a connection: nothing listens on its port")
        except (StreamLostError, OSError):
            pass  # the program sees a reset, never an end that looks whole
        finally:
            await stream.close()
            await (_finish(reader, writer) if whole and not stream.refused else _reset(writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: MuxStream) -> bool:
    """Copy both ways; return whether the machine's end came.

    Raises:
        StreamLostError: The session broke.
        OSError: The program on this computer went away.
    """
    up = asyncio.create_task(_copy_up(reader, stream))
    down = asyncio.create_task(_copy_down(stream, writer))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and up.exception() is None:
            received = -1
            while not down.done() and received != stream.received:
                received = stream.received
                await asyncio.wait({down}, timeout=_HALF_CLOSED_S)
        if down.done():
            down.result()
            return True
        if up.done():
            up.result()
        return False
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _copy_up(reader: asyncio.StreamReader, stream: MuxStream) -> None:
    while data := await reader.read(_CHUNK):
        await stream.write(data)


async def _copy_down(stream: MuxStream, writer: asyncio.StreamWriter) -> None:
    while data := await stream.read():
        writer.write(data)
        await writer.drain()


async def _finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close after the last byte."""
    try:
        if writer.can_write_eof():
            writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_BYTES_S):
                while await reader.read(_CHUNK):
                    pass
        writer.close()
        await writer.wait_closed()
    except OSError:
        await _reset(writer)  # the program went first


async def _reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection, so that the program cannot take it for a proper end."""
    if writer.is_closing():
        return
    with suppress(OSError):
        linger = struct.pack("hh" if hasattr(socket, "AF_WINDOWS") else "ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
