"""AWS errors, written in the format of the protocol that the caller speaks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from uuid import uuid4
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed.wsgi import StartResponse

REASONS: Final[Mapping[int, str]] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class AwsError(Exception):
    """An error to answer with, raised from wherever it is found; the gate writes it.

    Args:
        code: AWS's code.
        message: AWS's words.
        status: HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def body_of(protocol: str, code: str, message: str) -> bytes:
    """Return the body of an error answer.

    Args:
        protocol: `ec2`, `query`, `json`, `rest-json` or `rest-xml`, as botocore's service models call them.
        code: The error code.
        message: The words.
    """
    if protocol in {"json", "rest-json"}:
        return json.dumps({"__type": code, "message": message}).encode()
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    request = str(uuid4())
    if protocol == "ec2":
        text = f"<Response><Errors>{error}</Errors><RequestID>{request}</RequestID></Response>"
    elif protocol == "rest-xml":
        text = error.replace("</Error>", f"<RequestId>{request}</RequestId></Error>")
    else:
        text = f"<ErrorResponse>{error}<RequestId>{request}</RequestId></ErrorResponse>"
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()


def answer(
    start_response: StartResponse, protocol: str, code: str, message: str, *, status: int = 400
) -> Iterable[bytes]:
    """Answer a request with an error."""
    body = body_of(protocol, code, message)
    kind = "application/x-amz-json-1.1" if protocol in {"json", "rest-json"} else "text/xml"
    start_response(
        f"{status} {REASONS.get(status, 'Error')}",
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("x-amzn-errortype", code),
        ],
    )
    return [body]
