"""The programs on the machine: `python -m benchmarks.programs` prints their ports and stays."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.unit.tunnel.tcp_server import digest, give, noise, serving


class Answer(BaseHTTPRequestHandler):
    """A small answer, on a connection that stays."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer with 100 bytes, in one packet."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until standard input ends."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    web.daemon_threads = True
    Thread(target=web.serve_forever, daemon=True).start()
    with ExitStack() as stack:
        ports = {
            "take": stack.enter_context(serving(digest)),
            "give_32": stack.enter_context(serving(give(noise(32_000_000)))),
            "give_4": stack.enter_context(serving(give(noise(4_000_000)))),
            "web": web.server_address[1],
        }
        print(json.dumps(ports), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
