"""A guest socket as an instance has it: real TCP connections, and commands on pipes instead of a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
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
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            *(["-c", request["command"]] if request["command"] else []),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if request["terminal"] else asyncio.subprocess.PIPE,
        )
        writer.write(b'{"ok": true}\n')
        taking = asyncio.create_task(self._take(reader, process))
        try:
            pumps = [_pump(OUTPUT, process.stdout, writer), _pump(ERROR, process.stderr, writer)]
            await asyncio.gather(*pumps)
            status = await process.wait()
            writer.write(HEAD.pack(EXIT, len(str(status))) + str(status).encode())
            await writer.drain()
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _take(self, reader: asyncio.StreamReader, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        while True:
            kind, size = HEAD.unpack(await reader.readexactly(HEAD.size))
            data = await reader.readexactly(size)
            if kind == OUTPUT:
                process.stdin.write(data)
                await process.stdin.drain()
            elif kind == SIZE:
                self.sizes.append(json.loads(data))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _pump(kind: int, source: asyncio.StreamReader | None, writer: asyncio.StreamWriter) -> None:
    while source is not None and (data := await source.read(65536)):
        writer.write(HEAD.pack(kind, len(data)) + data)
        await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    finally:
        writer.transport.abort()
