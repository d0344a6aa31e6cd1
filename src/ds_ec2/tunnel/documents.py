"""The JSON documents inside messages: opening, acknowledgement, handshake, terminal size, end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from ds_ec2.tunnel.codec import ACKNOWLEDGE, FLAGS_ACKNOWLEDGE, Message, WireError

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_VERSION: Final = "1.2.764.0"
"""The first plugin that signs its websocket; from 1.1.70 on the agent multiplexes port sessions.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/plugin-version-history.html
"""
_OK: Final = 1
_UNSUPPORTED: Final = 3


@dataclass(frozen=True, slots=True)
class HandshakeRequest:
    """What the agent asks for.

    Args:
        agent_version: `3.3.1611.0`.
        session_type: `Port`, `Standard_Stream`, `InteractiveCommands`, ...; empty where it names none.
        properties: Of the session, as its document gives them.
        unsupported: Actions that this client does not know; `KMSEncryption` is one.
    """

    agent_version: str
    session_type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    unsupported: tuple[str, ...] = ()

    @property
    def multiplexed(self) -> bool:
        """Whether the session carries smux; without this type it is the raw bytes of one connection."""
        return self.properties.get("type") == "LocalPortForwarding"


def open_data_channel(token: str) -> str:
    """Return the text frame that opens a data channel."""
    return _json(
        {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid4()),
            "TokenValue": token,
            "ClientId": str(uuid4()),
            "ClientVersion": CLIENT_VERSION,
        }
    )


def acknowledgement(message: Message) -> Message:
    """Return the message that acknowledges another."""
    document = {
        "AcknowledgedMessageType": message.message_type,
        "AcknowledgedMessageId": str(message.message_id),
        "AcknowledgedMessageSequenceNumber": message.sequence,
        "IsSequentialMessage": True,
    }
    return Message(ACKNOWLEDGE, 0, 0, _json(document).encode(), FLAGS_ACKNOWLEDGE)


def acknowledged(message: Message) -> int:
    """Return the sequence number that an acknowledgement names.

    Raises:
        WireError: It is none.
    """
    number = _read(message).get("AcknowledgedMessageSequenceNumber")
    if not isinstance(number, int):
        raise WireError("an acknowledgement without a number")
    return number


def handshake_request(message: Message) -> HandshakeRequest:
    """Return what the agent asks for.

    Raises:
        WireError: It is no handshake.
    """
    document = _read(message)
    session_type, unsupported = "", []
    properties: Mapping[str, Any] = {}
    for action in document.get("RequestedClientActions") or []:
        if not isinstance(action, dict):
            raise WireError("a handshake whose actions are no objects")
        if action.get("ActionType") == "SessionType":
            parameters = action.get("ActionParameters") or {}
            session_type = str(parameters.get("SessionType", ""))
            properties = parameters.get("Properties") or {}
        else:
            unsupported.append(str(action.get("ActionType")))
    return HandshakeRequest(
        str(document.get("AgentVersion", "")), session_type, properties, tuple(unsupported)
    )


def handshake_response(request: HandshakeRequest) -> bytes:
    """Return the answer: the session's type is accepted, every other action is not supported."""
    actions = [_action("SessionType", _OK, "")] if request.session_type else []
    actions += [
        _action(name, _UNSUPPORTED, f"{name} is not supported by this client") for name in request.unsupported
    ]
    errors = [action["Error"] for action in actions if action["Error"]]
    document = {
        "ClientVersion": CLIENT_VERSION,
        "ProcessedClientActions": actions,
        "Errors": errors or None,
    }
    return _json(document).encode()


def customer_message(message: Message) -> str:
    """Return the text that the account's administrator shows in every session, or an empty one."""
    return str(_read(message).get("CustomerMessage") or "")


def terminal_size(columns: int, rows: int) -> bytes:
    """Return the document of a terminal's size."""
    return _json({"cols": columns, "rows": rows}).encode()


def closing_words(message: Message) -> str:
    """Return the reason in a `channel_closed` message; empty when the session just ended."""
    try:
        return str(_read(message).get("Output") or "")
    except WireError:
        return ""


def _action(kind: str, status: int, error: str) -> dict[str, Any]:
    return {"ActionType": kind, "ActionStatus": status, "ActionResult": None, "Error": error}


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _read(message: Message) -> dict[str, Any]:
    try:
        document = json.loads(message.payload)
    except ValueError as error:
        raise WireError("a document that is not JSON") from error
    if not isinstance(document, dict):
        raise WireError("a document that is no object")
    return document
