"""Small TCP servers in threads: the programs on the machine."""

from __future__ import annotations

import hashlib
import socketserver
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that tests cut are no news."""


@contextmanager
def serving(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection with `handle` in a thread; yields the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            handle(self.request)

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def digest(connection: socket.socket) -> None:
    """Read 8 bytes of a length, then so many bytes; answer with their SHA-256, and end."""
    size = int.from_bytes(read_exactly(connection, 8), "big")
    hashed = hashlib.sha256()
    while size:
        data = connection.recv(min(size, 65536))
        if not data:
            return
        hashed.update(data)
        size -= len(data)
    connection.sendall(hashed.digest())


def give(data: bytes) -> Callable[[socket.socket], None]:
    """Send `data` when asked by one byte, and end."""

    def handle(connection: socket.socket) -> None:
        if connection.recv(1):
            connection.sendall(data)

    return handle


def answer_late(connection: socket.socket) -> None:
    """Read to the first line feed, wait a little, answer, and end."""
    while not connection.recv(1024).endswith(b"\n"):
        pass
    time.sleep(0.3)
    connection.sendall(b"late, but whole\n")


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that no compression shortens, the same every time."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


def read_exactly(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data = connection.recv(min(size - len(parts), 1 << 16))
        if not data:
            raise ConnectionError(f"{len(parts)} of {size} bytes")
        parts += data
    return bytes(parts)


def read_all(connection: socket.socket) -> bytes:
    parts = bytearray()
    while data := connection.recv(1 << 16):
        parts += data
    return bytes(parts)
