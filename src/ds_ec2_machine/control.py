"""The control road: one JSON line in, JSON lines out, for root and the machine's user alone."""

from __future__ import annotations

import json
import os
import re
import socket
import socketserver
from typing import Any, Callable, Dict, Iterator

from ds_ec2_machine import environment_verbs, idle_verbs, peers, status
from ds_ec2_machine.platform import CONTROL_PORT, JUPYTER_PORT, LOGS, Platform
from ds_ec2_machine.refused import RefusedError

_LONGEST_REQUEST = 20_000  # bytes; a public key is under 1,000
_PATIENCE_S = 20.0
_KEY = re.compile(r"(ssh-(ed25519|rsa)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) [A-Za-z0-9+/=]+( [^\r\n]*)?")

Request = Dict[str, Any]
Result = Dict[str, Any]


def _status(platform: Platform, _request: Request) -> Result:
    return status.document(platform)


def _token(platform: Platform, _request: Request) -> Result:
    token = platform.token()
    if token is None:
        raise RefusedError("JupyterLab is not installed yet", "ask for the status: stage jupyter")
    return {"token": token, "port": JUPYTER_PORT, "root": "/"}


def _authorize(platform: Platform, request: Request) -> Result:
    key = str(request.get("public_key", "")).strip()
    if not _KEY.fullmatch(key):
        raise RefusedError("not an OpenSSH public key", "the one line of a .pub file")
    folder = platform.user_folder(f"{platform.account.home[len(platform.path('')) :]}/.ssh")
    folder.chmod(0o700)
    file = folder / "authorized_keys"
    # The folder is the user's: a link placed there must not lead root's pen elsewhere.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with os.fdopen(os.open(file, flags, 0o600), "r+", encoding="utf-8") as lines:
        present = lines.read()
        if not any(line.split()[:2] == key.split()[:2] for line in present.splitlines()):
            lines.write(("" if present.endswith("\n") or not present else "\n") + key + "\n")
    platform.give(file)
    return {"user": platform.account.name}


def _log_lines(platform: Platform, request: Request) -> Iterator[Result]:
    stage = str(request.get("stage", ""))
    file = platform.file(f"{LOGS}/{stage}.log")
    if not re.fullmatch(r"[a-z-]+", stage) or not file.exists():
        present = sorted(path.stem for path in platform.file(LOGS).glob("*.log"))
        raise RefusedError(f"no log of {stage!r}", f"there are: {', '.join(present)}")
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            yield {"line": line.rstrip("\n")}
    yield {"ok": True, "result": {}}


_VERBS: Dict[str, Callable[[Platform, Request], Result]] = {
    "status": _status,
    "token": _token,
    "idle": idle_verbs.idle,
    "keep": idle_verbs.keep,
    "thresholds": idle_verbs.change_thresholds,
    "authorize": _authorize,
    **environment_verbs.VERBS,
}
_STREAMS: Dict[str, Callable[[Platform, Request], Iterator[Result]]] = {
    "logs": _log_lines,
    **environment_verbs.STREAMS,
}


def answers(platform: Platform, line: bytes) -> Iterator[Result]:
    """Return the answers to one request line."""
    try:
        request = json.loads(line)
        verb = request.get("verb") if isinstance(request, dict) else None
        if verb in _STREAMS:
            yield from _STREAMS[verb](platform, request)
        elif verb in _VERBS:
            yield {"ok": True, "result": _VERBS[verb](platform, request)}
        else:
            hint = f"there are: {', '.join(sorted([*_VERBS, *_STREAMS]))}"
            yield {"ok": False, "error": f"no verb {verb!r}", "hint": hint}
    except RefusedError as error:
        yield {"ok": False, "error": str(error), "hint": error.hint}
    except (OSError, ValueError) as error:
        yield {"ok": False, "error": repr(error), "hint": ""}


class _Handler(socketserver.StreamRequestHandler):
    """One connection."""

    timeout = _PATIENCE_S
    server: _Server

    def handle(self) -> None:
        """Admit or refuse the peer, then answer its one request."""
        platform = self.server.platform
        uid = peers.owner(self.client_address[:2], self.connection.getsockname()[:2])
        try:
            if uid in {0, platform.account.uid}:
                for answer in answers(platform, self.rfile.readline(_LONGEST_REQUEST)):
                    self._say(answer)
            else:
                who = "cannot be told" if uid is None else f"is {uid}"
                self._say(
                    {
                        "ok": False,
                        "error": f"not for you: your uid {who}",
                        "hint": f"be {platform.account.name}",
                    }
                )
        except OSError:
            return  # the peer has gone, or never said anything

    def _say(self, answer: Result) -> None:
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingTCPServer):
    """Listens for as long as the machine runs."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        super().__init__((platform.bind_address, CONTROL_PORT), _Handler)


def ask(platform: Platform, request: Request) -> Result:
    """Return this machine's own last answer to a request.

    Raises:
        OSError: Nothing answers.
    """
    with socket.create_connection((platform.bind_address, CONTROL_PORT), timeout=10) as connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines:
            return dict(json.loads(lines.readlines()[-1]))


def main(platform: Platform) -> None:
    """Answer until killed."""
    with _Server(platform) as server:
        server.serve_forever()
