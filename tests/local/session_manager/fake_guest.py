"""A guest socket as an instance has it: real TCP connections, and commands on pipes instead of a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

HEAD = struct.Struct(">BI")
OUTPUT, ERROR, SIZE, EXIT, END = range(5)


class FakeGuest:
    """Serves one guest socket on the running loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dialed: list[tuple[str, int]] = []
        self.sizes: list[list[int]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def stop(self) -> None:
        """Stop as an instance does: everything breaks."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await (self._dial if request["op"] == "dial" else self._shell)(request, reader, writer)
        finally:
            await _close(writer)

    async def _dial(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.dialed.append((request["host"], request["port"]))
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", request["port"])
        except OSError as error:
            writer.write(json.dumps({"ok": False, "error": str(error)}).encode() + b"\n")
            return
        writer.write(b'{"ok": true}\n')
        try:
            await asyncio.gather(_copy(reader, there), _copy(there_reader, writer))
        finally:
            await _close(there)

    async def _shell(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        (main, main_there), (errors, errors_there) = socket.socketpair(), socket.socketpair()
        with main_there, errors_there:
            words = ["/bin/sh", *(["-c", request["command"]] if request["command"] else [])]
            process = subprocess.Popen(  # noqa: ASYNC220 - starts at once
                words,
                stdin=main_there.fileno(),
                stdout=main_there.fileno(),
                stderr=(main_there if request["terminal"] else errors_there).fileno(),
            )
        try:
            with main, errors:
                await self._converse(reader, writer, (main, errors), process)
        finally:
            process.kill()
            process.wait()

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        sockets: tuple[socket.socket, socket.socket],
        process: subprocess.Popen[bytes],
    ) -> None:
        for ours in sockets:
            ours.setblocking(False)
        writer.write(b'{"ok": true}\n')
        taking = asyncio.create_task(self._take(reader, sockets[0]))
        try:
            await asyncio.gather(_pump(OUTPUT, sockets[0], writer), _pump(ERROR, sockets[1], writer))
            status = str(process.wait()).encode()
            writer.write(HEAD.pack(EXIT, len(status)) + status)
            await writer.drain()
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, to_input: socket.socket) -> None:
        while True:
            kind, size = HEAD.unpack(await reader.readexactly(HEAD.size))
            data = await reader.readexactly(size)
            if kind == OUTPUT:
                await asyncio.get_running_loop().sock_sendall(to_input, data)
            elif kind == SIZE:
                self.sizes.append(json.loads(data))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _pump(kind: int, source: socket.socket, writer: asyncio.StreamWriter) -> None:
    while data := await _receive(source):
        writer.write(HEAD.pack(kind, len(data)) + data)
        await writer.drain()


async def _receive(source: socket.socket) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(source, 65536)
    except ConnectionResetError:  # it ended without reading all of its input
        return b""


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    finally:
        writer.transport.abort()
