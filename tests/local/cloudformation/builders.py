"""Small templates of SSM parameters, the cheapest resource."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit


def parameter(value: Any = "x", **attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}, **attributes}


def template(resources: dict[str, Any] | None = None, **sections: Any) -> str:
    return json.dumps({"Resources": {"P": parameter()} if resources is None else resources, **sections})


BAD = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "Nonsense", "Value": "x"}}
"""A resource whose creation Parameter Store refuses."""


def put(url: str, body: str) -> int:
    """Put a body as cfn-signal does, and return the status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("PUT", parts.path, body.encode(), {"Content-Type": ""})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
