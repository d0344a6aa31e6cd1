"""What an instance answers on its guest socket: TCP connections, and shells."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import pwd
import signal
import struct
import termios
from typing import TYPE_CHECKING, Any

from ds_ec2_local.instances.guest.processes import Processes, Streams

if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT, ERROR, SIZE, EXIT, END = range(5)
_HEAD = struct.Struct(">BI")
_CHUNK = 1 << 16
_LONGEST_FRAME = 1 << 20
_LAST_WORDS_S = 0.3  # how long output may follow the end of a shell whose children still hold its streams
_LOOPBACK = ("127.0.0.1", "localhost")
_TTY_GROUP = 5


class GuestServer:
    """Answers connections of the guest socket.

    Args:
        processes: Where shells are started.
        bind_address: Where the instance's services listen; stands in for the loopback.
    """

    def __init__(self, processes: Processes, bind_address: str) -> None:
        self._processes, self._bind_address = processes, bind_address

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer went away
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            serve = {"dial": self._dial, "shell": self._shell}[request["op"]]
            await serve(request, reader, writer)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _say(writer, error=f"{type(error).__name__}: {error}")
            await writer.drain()

    async def _dial(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host = request["host"]
        if host in _LOOPBACK:
            host = self._bind_address
        try:
            there = await asyncio.open_connection(host, int(request["port"]))
        except OSError as error:
            # What asyncio says of a refusal is "Connect call failed".
            words = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise OSError(f"{host}:{request['port']}: {words}") from error
        _say(writer)
        try:
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        except ConnectionError:
            return
        finally:
            there[1].close()

    async def _shell(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        shell = _Shell(self._processes, request)
        await shell.start()
        _say(writer)
        try:
            await shell.serve(reader, writer)
        finally:
            shell.close()


def _say(writer: asyncio.StreamWriter, error: str = "") -> None:
    answer: dict[str, Any] = {"ok": False, "error": error} if error else {"ok": True}
    writer.write(json.dumps(answer).encode() + b"\n")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _reader_of(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    file = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    return reader, transport


async def _writer_of(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    file = os.fdopen(descriptor, "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), file
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class _Shell:
    """One shell or command, on a terminal or on pipes."""

    def __init__(self, processes: Processes, request: dict[str, Any]) -> None:
        self._processes, self._request = processes, request
        self._user = request.get("user") or "ssm-user"
        self._terminal = bool(request.get("terminal", True))
        self._pid = 0
        self._master = -1
        self._transports: list[asyncio.BaseTransport] = []
        self._outputs: list[tuple[int, asyncio.StreamReader]] = []

    async def start(self) -> None:
        """Start it.

        Raises:
            OSError: It cannot be started.
            KeyError: There is no such account.
        """
        await (self._start_on_terminal() if self._terminal else self._start_on_pipes())

    def _begin(self, streams: Streams, before: Callable[[], None] | None, more: dict[str, str]) -> None:
        shell = pwd.getpwnam(self._user).pw_shell
        command = self._request.get("command")
        words = [f"-{shell}"] if command is None else ["/bin/sh", "-c", command]
        self._pid, self._ended = self._processes.start(words, self._user, streams, before=before, more=more)

    async def _start_on_terminal(self) -> None:
        master, slave = pty.openpty()
        try:
            _resize(master, int(self._request.get("columns", 80)), int(self._request.get("rows", 24)))
            account = pwd.getpwnam(self._user)
            with contextlib.suppress(OSError):  # where there is one group alone
                os.chown(slave, account.pw_uid, _TTY_GROUP)
            more = {"TERM": str(self._request.get("term", "xterm-256color"))}
            self._begin(Streams(slave, slave, slave), _take_terminal, more)
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        self._master = master
        await self._connect([(OUTPUT, os.dup(master))], os.dup(master))

    async def _start_on_pipes(self) -> None:
        (stdin, to_stdin), (from_out, stdout), (from_err, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            self._begin(Streams(stdin, stdout, stderr), None, {})
        except BaseException:
            for descriptor in (to_stdin, from_out, from_err):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)
        await self._connect([(OUTPUT, from_out), (ERROR, from_err)], to_stdin)

    async def _connect(self, outputs: list[tuple[int, int]], to_input: int) -> None:
        for kind, descriptor in outputs:
            reader, transport = await _reader_of(descriptor)
            self._outputs.append((kind, reader))
            self._transports.append(transport)
        self._input = await _writer_of(to_input)
        self._transports.append(self._input.transport)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry frames both ways until it ended, or the peer went away."""
        taking = asyncio.ensure_future(self._take(reader))
        giving = asyncio.ensure_future(self._give(writer))
        await asyncio.wait({taking, giving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (taking, giving):
            task.cancel()
        await asyncio.gather(taking, giving, return_exceptions=True)

    async def _give(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.gather(*(self._pump(kind, source, writer) for kind, source in self._outputs))
        status = await self._ended
        _frame(writer, EXIT, b"%d" % (status if status >= 0 else 128 - status))
        await writer.drain()

    async def _pump(self, kind: int, source: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            read = asyncio.ensure_future(source.read(_CHUNK))
            both: set[asyncio.Future[Any]] = {read, self._ended}
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if not read.done():
                    await asyncio.wait({read}, timeout=_LAST_WORDS_S)
                if not read.done() or not (data := read.result()):
                    return
            except OSError:  # the terminal's last user is gone
                return
            finally:
                read.cancel()
            _frame(writer, kind, data)
            await writer.drain()

    async def _take(self, reader: asyncio.StreamReader) -> None:
        while True:
            kind, size = _HEAD.unpack(await reader.readexactly(_HEAD.size))
            if size > _LONGEST_FRAME:
                raise ConnectionError(f"a frame of {size} bytes")
            payload = await reader.readexactly(size)
            if kind == OUTPUT:
                with contextlib.suppress(ConnectionError):  # it reads no more, but may still write
                    self._input.write(payload)
                    await self._input.drain()
            elif kind == SIZE and self._terminal:
                columns, rows = json.loads(payload)
                _resize(self._master, columns, rows)
            elif kind == END and self._terminal:
                self._input.write(b"\x04")
            elif kind == END:
                self._input.close()

    def close(self) -> None:
        """Let go of it: what still runs is told that its terminal is gone."""
        for transport in self._transports:
            transport.close()
        if self._master >= 0:
            os.close(self._master)
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGHUP)


def _frame(writer: asyncio.StreamWriter, kind: int, payload: bytes) -> None:
    writer.write(_HEAD.pack(kind, len(payload)) + payload)
