"""A road to the embedded AWS that kills whoever travels on it, just before or just after a chosen call."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_READS: Final = ("Describe", "Get", "List", "Head", "Simulate")
_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length"})
LONGEST_CALL_S: Final = 30
Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""


@dataclass(frozen=True, order=True)
class Call:
    """One call to AWS.

    Args:
        action: Its name, `CreateStack`; of S3 `PUT`.
        number: How many of this name came before it.
    """

    action: str
    number: int

    @property
    def changes(self) -> bool:
        """Whether it changes the account."""
        return not self.action.startswith(_READS) and self.action != "GET"


@dataclass(frozen=True)
class Boundary:
    """Where the traveller dies: the call was never sent, or was heard and its answer is lost."""

    call: Call
    heard: bool

    def __str__(self) -> str:
        side = "after" if self.heard else "before"
        return f"{side} {self.call.action} {self.call.number + 1}"


class Road:
    """An address that stands for the embedded AWS's; a context manager.

    Args:
        endpoint_url: The embedded AWS.
    """

    def __init__(self, endpoint_url: str) -> None:
        self.calls: list[Call] = []
        """Those of the journey, as they came."""
        self._counts: Counter[str] = Counter()
        self._end: Boundary | int | None = None
        self._kill: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.road = self  # type: ignore[attr-defined] # the handler's only way here
        self.host = urlsplit(endpoint_url).netloc
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def begin(self, end: Boundary | int | None, kill: Callable[[], None]) -> None:
        """Count from nothing again.

        Args:
            end: Where the traveller is killed; as a number 2n before call n, 2n + 1 after it.
            kill: How.
        """
        with self._lock:
            self.calls, self._counts = [], Counter()
            self._end, self._kill = end, kill

    def met(self, action: str) -> tuple[Call, int]:
        """Write a call down; return it and its place."""
        with self._lock:
            call = Call(action, self._counts[action])
            self._counts[action] += 1
            self.calls.append(call)
            return call, len(self.calls) - 1

    def ends(self, call: Call, place: int, *, heard: bool) -> bool:
        """Kill the traveller where this is the end."""
        if self._end not in {Boundary(call, heard), 2 * place + heard}:
            return False
        self._kill()
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def road(self) -> Road:
        found: Road = self.server.road  # type: ignore[attr-defined] # set by Road
        return found

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/_local/"):
            self._answer(self._asked(body))
            return
        call, place = self.road.met(self._action(body))
        answer = None if self.road.ends(call, place, heard=False) else self._asked(body)
        if answer is None or self.road.ends(call, place, heard=True):
            self.close_connection = True
        else:
            self._answer(answer)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _action(self, body: bytes) -> str:
        target = self.headers.get("X-Amz-Target", "")
        form = parse_qs(body.decode("latin-1")) if b"Action=" in body else {}
        return target.rpartition(".")[2] or (form.get("Action") or [self.command])[0]

    def _asked(self, body: bytes) -> Answer:
        onward = HTTPConnection(self.road.host, timeout=LONGEST_CALL_S)
        onward.request(self.command, self.path, body, dict(self.headers.items()))
        answer = onward.getresponse()
        text = answer.read()
        onward.close()
        return answer.status, answer.getheaders(), text

    def _answer(self, answer: Answer) -> None:
        status, headers, text = answer
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
