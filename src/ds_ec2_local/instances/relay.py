"""Connections to a listener inside a sandbox, carried to a port of this host's loopback."""

from __future__ import annotations

import contextlib
import socket
import threading

_CHUNK = 1 << 16


class Relay:
    """Carries the connections of one listener, each in threads of its own.

    Args:
        listener: A listening socket, which it closes at its end.
        target: Host and port.
    """

    def __init__(self, listener: socket.socket, target: tuple[str, int]) -> None:
        self._listener, self._target = listener, target
        self.open = True
        """Whether connections are carried; they break at once where not."""
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; those there are end with the sandbox."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                inside, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(inside,), name="relay", daemon=True).start()

    def _carry(self, inside: socket.socket) -> None:
        with inside:
            if not self.open:
                return
            try:
                outside = socket.create_connection(self._target)
            except OSError:
                return
            with outside:
                back = threading.Thread(target=_copy, args=(outside, inside), name="relay", daemon=True)
                back.start()
                _copy(inside, outside)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
