"""The service APIs, called over loopback as the caller who asked for the stack."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import Shape

    from ds_ec2_local.cloudformation.state import Caller

AGENT: Final = "cloudformation.amazonaws.com"
"""In the User-Agent of every call, as `invokedBy` says on AWS: services may let it set `aws:` tags."""
LONGEST_ANSWER_S: Final = 300
"""Seconds that one call may take: an instance's sandbox starts within RunInstances."""


_TRIES: Final = 4
_ONCE: Final = frozenset({"RunInstances", "StartInstances"})
"""EC2 tells a lack of capacity with status 500, which SDKs would try again."""


class Clients:
    """boto3 clients, one a caller and service; they are dear to make and safe to share."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self._lock = threading.Lock()
        self._made: dict[tuple[Caller, str, int], Any] = {}

    def get(self, caller: Caller, service: str, tries: int = _TRIES) -> Any:
        """Return the client of a service, which makes a call that fails so many times."""
        with self._lock:
            client = self._made.get((caller, service, tries))
            if client is None:
                session = boto3.session.Session(
                    caller.access_key, "loopback", caller.session_token, region_name=caller.region
                )
                config = Config(
                    user_agent_extra=AGENT,
                    read_timeout=LONGEST_ANSWER_S,
                    retries={"mode": "standard", "total_max_attempts": tries},
                    s3={"addressing_style": "path"},
                )
                client = session.client(service, endpoint_url=self.endpoint_url, config=config)  # type: ignore[call-overload] # the name of the service is only known here
                self._made[caller, service, tries] = client
            return client

    def call(
        self, caller: Caller, service: str, operation: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call `operation` (`CreateVpc`); texts of a template become the types that the API wants.

        Raises:
            ClientError: The service refuses.
        """
        client = self.get(caller, service, 1 if operation in _ONCE else _TRIES)
        shape = client.meta.service_model.operation_model(operation).input_shape
        given = {name: value for name, value in parameters.items() if value is not None}
        wanted, name = coerce(shape, given), xform_name(operation)
        try:
            answer: dict[str, Any] = getattr(client, name)(**wanted)
        except ClientError as error:
            if operation not in _ONCE or error.response["Error"]["Code"] != "RequestLimitExceeded":
                raise
            answer = getattr(self.get(caller, service), name)(**wanted)
        return answer


def coerce(shape: Shape | None, value: Any) -> Any:
    """Return `value` in the types of botocore's `shape`: "true" is taken for true, and 5 for "5"."""
    if shape is None:
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members: Mapping[str, Shape] = shape.members  # type: ignore[attr-defined] # stubs: of StructureShape
        return {name: coerce(members.get(name), member) for name, member in value.items()}
    if kind == "list" and isinstance(value, list):
        return [coerce(shape.member, item) for item in value]  # type: ignore[attr-defined] # stubs: of ListShape
    if kind == "map" and isinstance(value, dict):
        return {name: coerce(shape.value, item) for name, item in value.items()}  # type: ignore[attr-defined] # stubs: of MapShape
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if kind in {"integer", "long"} and isinstance(value, str | float):
        return int(value)
    if kind in {"float", "double"} and isinstance(value, str):
        return float(value)
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if kind == "string" and isinstance(value, int | float) else value
