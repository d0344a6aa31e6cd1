"""The query protocol, both ways, generic over botocore's model of the service.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import botocore.session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import ServiceModel, Shape

NAMESPACE: Final = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """Return botocore's model of CloudFormation."""
    return botocore.session.get_session().get_service_model("cloudformation")


def parse(action: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of a request; unknown ones are left out, as by the real service."""
    shape = service_model().operation_model(action).input_shape
    return {} if shape is None else _read(shape, form, "")


def _read(shape: Shape, form: Mapping[str, str], path: str) -> Any:
    if shape.type_name == "structure":
        prefix = f"{path}." if path else ""
        return {
            name: _read(member, form, prefix + name)
            for name, member in shape.members.items()  # type: ignore[attr-defined] # stubs: members of StructureShape
            if _present(form, prefix + name)
        }
    if shape.type_name == "list":
        return _read_list(shape, form, path)
    if shape.type_name == "map":
        entries = _indices(form, f"{path}.entry")
        return {form[f"{path}.entry.{i}.key"]: form.get(f"{path}.entry.{i}.value", "") for i in entries}
    text = form[path]
    if shape.type_name == "boolean":
        return text.lower() == "true"
    return int(text) if shape.type_name in {"integer", "long"} else text


def _read_list(shape: Shape, form: Mapping[str, str], path: str) -> list[Any]:
    member = shape.member  # type: ignore[attr-defined] # stubs: member of ListShape
    return [_read(member, form, f"{path}.member.{i}") for i in _indices(form, f"{path}.member")]


def _present(form: Mapping[str, str], path: str) -> bool:
    return path in form or any(key.startswith(f"{path}.") for key in form)


def _indices(form: Mapping[str, str], path: str) -> list[int]:
    start = len(path) + 1
    found = {key[start:].split(".", 1)[0] for key in form if key.startswith(f"{path}.")}
    return sorted(int(index) for index in found if index.isdigit())


def render(action: str, result: Mapping[str, Any], request_id: str) -> bytes:
    """Return the XML of an answer."""
    shape = service_model().operation_model(action).output_shape
    body = "" if shape is None else f"<{action}Result>{_write(shape, result)}</{action}Result>"
    return (
        f'<{action}Response xmlns="{NAMESPACE}">{body}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    ).encode()


def render_error(code: str, message: str, status: int, request_id: str) -> bytes:
    """Return the XML of an error."""
    kind = "Sender" if status < 500 else "Receiver"
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{kind}</Type><Code>{escape(code)}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _write(shape: Shape, value: Any) -> str:
    if shape.type_name == "structure":
        members: Mapping[str, Shape] = shape.members  # type: ignore[attr-defined] # stubs: as above
        return "".join(
            f"<{name}>{_write(member, value[name])}</{name}>"
            for name, member in members.items()
            if value.get(name) is not None
        )
    if shape.type_name == "list":
        member = shape.member  # type: ignore[attr-defined] # stubs: as above
        return "".join(f"<member>{_write(member, item)}</member>" for item in value)
    if shape.type_name == "map":
        entries = value.items()
        return "".join(
            f"<entry><key>{escape(k)}</key><value>{escape(str(v))}</value></entry>" for k, v in entries
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return escape(str(value))
