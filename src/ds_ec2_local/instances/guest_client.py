"""The client of a guest socket: connections and shells inside an instance."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import TYPE_CHECKING, Any

from ds_ec2_local.instances.errors import DialRefusedError, ShellRefusedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "END",
    "ERROR",
    "EXIT",
    "OUTPUT",
    "SIZE",
    "DialRefusedError",
    "GuestShell",
    "ShellRefusedError",
    "open_dial",
    "open_shell",
]

# Kinds of frames.
OUTPUT, ERROR, SIZE, EXIT, END = range(5)
_HEAD = struct.Struct(">BI")


async def _ask(path: Path, request: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Return the connection and, where the guest refuses, its words."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
    except BaseException:
        writer.close()
        raise
    answer = json.loads(line or b'{"ok": false, "error": "the instance ended"}')
    return reader, writer, "" if answer["ok"] else str(answer["error"])


async def open_dial(path: Path, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TCP connection from inside an instance.

    Raises:
        DialRefusedError: Nothing answers there, or the instance does not run.
    """
    try:
        reader, writer, error = await _ask(path, {"op": "dial", "host": host, "port": port})
    except OSError as failure:
        raise DialRefusedError(f"the instance does not answer: {failure}") from failure
    if error:
        await _close(writer)
        raise DialRefusedError(error)
    return reader, writer


async def open_shell(
    path: Path,
    command: str | None = None,
    *,
    user: str = "ssm-user",
    terminal: bool = True,
    size: tuple[int, int] = (80, 24),
) -> GuestShell:
    """Start a login shell, or a command with `sh -c`, inside an instance.

    Args:
        path: The guest socket.
        command: None is a login shell.
        user: The account.
        terminal: On a terminal; without one, standard error comes apart.
        size: Columns and rows.

    Raises:
        ShellRefusedError: The guest refuses, or the instance does not run.
    """
    request = {
        "op": "shell",
        "command": command,
        "user": user,
        "terminal": terminal,
        "columns": size[0],
        "rows": size[1],
    }
    try:
        reader, writer, error = await _ask(path, request)
    except OSError as failure:
        raise ShellRefusedError(f"the instance does not answer: {failure}") from failure
    if error:
        await _close(writer)
        raise ShellRefusedError(error)
    return GuestShell(reader, writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:  # the other side was faster
        return


class GuestShell:
    """A running shell: frames from it, input to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> tuple[int, bytes]:
        """Return the next frame: `OUTPUT`, `ERROR`, or `EXIT` with the status in ASCII, the last one.

        Raises:
            EOFError: The instance ended before the shell did.
        """
        try:
            kind, size = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
            return kind, await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError("the instance ended") from error

    async def write(self, data: bytes) -> None:
        """Send input, and wait while the shell does not take it."""
        await self._send(OUTPUT, data)

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the terminal's new size."""
        await self._send(SIZE, json.dumps([columns, rows]).encode())

    async def end_input(self) -> None:
        """Tell that no more input comes."""
        await self._send(END, b"")

    async def _send(self, kind: int, payload: bytes) -> None:
        self._writer.write(_HEAD.pack(kind, len(payload)) + payload)
        await self._writer.drain()

    async def close(self) -> None:
        """Hang up: a shell that still runs gets SIGHUP."""
        await _close(self._writer)
