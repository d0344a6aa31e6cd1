"""What is below `/_local/`: the server's own calls, beside AWS's. None needs a signature."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.services import credentials
from ds_ec2_local.services.faults import UnknownFaultError
from ds_ec2_local.services.parts import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ds_ec2_local.services.request_log import RequestLog

_LARGEST: Final = 1 << 20
"""Bytes of a request's body that are read."""


class LocalApi:
    """A WSGI application.

    Args:
        about: Returns what the server says of itself.
        log: The log of all requests.
    """

    def __init__(self, about: Callable[[], dict[str, Any]], log: RequestLog) -> None:
        self._about = about
        self._log = log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        length = min(int(environ.get("CONTENT_LENGTH") or 0), _LARGEST)
        body = environ["wsgi.input"].read(length) if length else b""
        if environ.get("HTTP_ORIGIN"):
            return _answer(start_response, "403 Forbidden", {"error": "web pages may not call this"})
        if path == "/_local/log" and method == "GET":
            return _send(start_response, "200 OK", "application/x-ndjson", self._log.read())
        try:
            answer = self._call(method, path, body)
        except (ValueError, UnknownFaultError) as error:
            return _answer(start_response, "400 Bad Request", {"error": str(error)})
        if answer is None:
            return _answer(start_response, "404 Not Found", {"error": f"no {method} {path}"})
        return _answer(start_response, "200 OK", answer)

    def _call(self, method: str, path: str, body: bytes) -> dict[str, Any] | None:
        parts = current()
        if path == "/_local/status" and method == "GET":
            return self._about() | self._machines()
        if path == "/_local/tick" and method == "POST":
            return {"functions": parts.events.tick()}
        if path != "/_local/faults":
            return None
        if method == "POST":
            wanted = json.loads(body or b"{}")
            if not isinstance(wanted, dict):
                raise ValueError("faults are an object")
            parts.faults.update(wanted)
        elif method == "DELETE":
            parts.faults.clear()
        elif method != "GET":
            return None
        return parts.faults.all()

    def _machines(self) -> dict[str, Any]:
        parts = current()
        people = {
            p.name: {"access_key": p.access_key, "secret_key": p.secret_key} for p in credentials.PEOPLE
        }
        instances = [
            {
                "id": instance.id,
                "state": instance.state,
                "region": instance.ec2_backend.region_name,
                "connected": parts.machines.connected(instance.id),
            }
            for instance in parts.machines.all()
        ]
        return {"principals": people, "instances": instances, "faults": parts.faults.all()}


def _answer(start_response: StartResponse, status: str, document: dict[str, Any]) -> Iterable[bytes]:
    return _send(start_response, status, "application/json", json.dumps(document).encode() + b"\n")


def _send(start_response: StartResponse, status: str, kind: str, body: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
