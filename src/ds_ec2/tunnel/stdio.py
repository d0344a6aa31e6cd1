"""Standard input and output inside an event loop: any kind of file, on every system."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK: Final = 1 << 16
_HELD: Final = 1 << 20
"""Bytes of output that may wait before a writer waits too."""


class InputReader:
    """Reads a file descriptor in a thread, one chunk ahead.

    asyncio's own pipes take neither ordinary files nor the standard input of Windows. On POSIX the thread
    can be told to stop, so that it does not swallow the keys of whoever reads the terminal next.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._taken = threading.Semaphore(1)
        self._stopped = False
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._read, name="standard input", daemon=True)
        self._thread.start()

    async def read(self) -> bytes:
        """Return the next chunk, empty at the end of input."""
        chunk = await self._chunks.get()
        self._taken.release()
        return chunk

    def close(self) -> None:
        """Stop reading."""
        self._stopped = True
        self._taken.release()
        os.write(self._wake_write, b"x")
        if sys.platform != "win32":
            self._thread.join()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _read(self) -> None:
        chunk = b"x"
        while chunk:
            self._taken.acquire()
            try:
                if self._stopped or not self._wait():
                    return
                chunk = os.read(self._descriptor, _CHUNK)
            except OSError:
                chunk = b""  # a terminal that hung up
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)

    def _wait(self) -> bool:
        if sys.platform == "win32":
            return True  # select knows only sockets there
        ready, _, _ = select.select([self._descriptor, self._wake_read], [], [])
        return self._wake_read not in ready


class OutputWriter:
    """Writes to a file descriptor in a thread, joining what came meanwhile."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()
        self._work = asyncio.Event()
        self._done = asyncio.Event()
        self._error: OSError | None = None
        self._closing = False
        self._task = asyncio.create_task(self._write())

    async def write(self, data: bytes) -> None:
        """Take data, waiting where much is held.

        Raises:
            OSError: Nobody reads any more.
        """
        self._buffer += data
        self._work.set()
        while len(self._buffer) > _HELD and not self._error:
            self._done.clear()
            await self._done.wait()
        if self._error:
            raise self._error

    async def broken(self) -> None:
        """Wait until nobody reads any more."""
        await asyncio.shield(self._task)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the rest."""
        self._closing = True
        self._work.set()
        await self._task

    async def _write(self) -> None:
        while self._buffer or not self._closing:
            await self._work.wait()
            self._work.clear()
            data, self._buffer = bytes(self._buffer), bytearray()
            try:
                await asyncio.to_thread(_write_all, self._descriptor, data)
            except OSError as error:
                self._error = error
                self._done.set()
                return
            self._done.set()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            # Somebody else made the terminal non-blocking.
            select.select([], [descriptor], [])
