"""The binary messages of a Session Manager data channel.

Source: the layout in https://github.com/aws/session-manager-plugin (src/message) and
https://github.com/aws/amazon-ssm-agent (agent/session/contracts).
"""

import hashlib
import json
import struct
import time
import uuid
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

HEADER = struct.Struct(">I32sIQqQ16s32sII")
"""Header length, type, schema, created, sequence, flags, id, digest, payload type, payload length."""

HEADER_LENGTH = 116
"""Value of the first field: the header without the payload length."""

SCHEMA_VERSION = 1
MAX_PAYLOAD = 1024
"""Bytes of output the agent puts into one message."""


class MessageType(StrEnum):
    """What a message is."""

    INPUT = "input_stream_data"
    OUTPUT = "output_stream_data"
    ACKNOWLEDGE = "acknowledge"
    CHANNEL_CLOSED = "channel_closed"
    START_PUBLICATION = "start_publication"
    PAUSE_PUBLICATION = "pause_publication"


class PayloadType(IntEnum):
    """What the payload of a stream message is."""

    NONE = 0
    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    ENCRYPTION_CHALLENGE_REQUEST = 8
    ENCRYPTION_CHALLENGE_RESPONSE = 9
    FLAG = 10
    STANDARD_ERROR = 11
    EXIT_CODE = 12


class Flag(IntEnum):
    """The payload of a FLAG message, as a big-endian u32."""

    DISCONNECT_TO_PORT = 1
    TERMINATE_SESSION = 2
    CONNECT_TO_PORT_ERROR = 3


FLAGS_DATA = 0
FLAGS_FIRST = 1
"""On the agent's message number 0."""
FLAGS_ACKNOWLEDGE = 3


class WireError(ValueError):
    """Bytes that are no valid message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One binary message; `created_ms` counts milliseconds since 1970."""

    message_type: str
    sequence: int
    flags: int
    message_id: uuid.UUID
    payload_type: int
    payload: bytes
    created_ms: int
    schema_version: int = SCHEMA_VERSION


def make(
    message_type: MessageType,
    payload: bytes,
    *,
    payload_type: int = PayloadType.NONE,
    sequence: int = 0,
    flags: int = FLAGS_DATA,
) -> Message:
    """Make a message of now, with a new id."""
    created_ms = time.time_ns() // 1_000_000
    return Message(message_type, sequence, flags, uuid.uuid4(), payload_type, payload, created_ms)


def encode(message: Message) -> bytes:
    """Return the bytes of a message."""
    raw_id = message.message_id.bytes
    return (
        HEADER.pack(
            HEADER_LENGTH,
            message.message_type.encode("ascii").ljust(32),
            message.schema_version,
            message.created_ms,
            message.sequence,
            message.flags,
            raw_id[8:] + raw_id[:8],
            hashlib.sha256(message.payload).digest(),
            message.payload_type,
            len(message.payload),
        )
        + message.payload
    )


def decode(data: bytes) -> Message:
    """Return the message in `data`.

    Raises:
        WireError: The header or the digest of the payload is wrong.
    """
    if len(data) < HEADER.size:
        raise WireError(f"{len(data)} bytes are shorter than a header")
    length, kind, schema, created, sequence, flags, raw_id, digest, payload_type, size = HEADER.unpack_from(
        data
    )
    payload = data[length + 4 :]
    if length != HEADER_LENGTH or not created:
        raise WireError("the header's length or its creation date is not valid")
    if len(payload) != size or hashlib.sha256(payload).digest() != digest:
        raise WireError("the payload's length or its digest does not match")
    name = kind.strip(b" \0").decode("ascii", errors="replace")
    if not name:
        raise WireError("the message has no type")
    message_id = uuid.UUID(bytes=raw_id[8:] + raw_id[:8])
    return Message(name, sequence, flags, message_id, payload_type, payload, created, schema)


def acknowledge(message: Message) -> Message:
    """Make the acknowledgement of one stream message."""
    document = {
        "AcknowledgedMessageType": message.message_type,
        "AcknowledgedMessageId": str(message.message_id),
        "AcknowledgedMessageSequenceNumber": message.sequence,
        "IsSequentialMessage": True,
    }
    return make(MessageType.ACKNOWLEDGE, json.dumps(document).encode(), flags=FLAGS_ACKNOWLEDGE)


def acknowledged_sequence(message: Message) -> int:
    """Return the sequence number that an acknowledgement is for.

    Raises:
        WireError: The document is not an acknowledgement.
    """
    number = document_of(message).get("AcknowledgedMessageSequenceNumber")
    if not isinstance(number, int):
        raise WireError("the acknowledgement names no sequence number")
    return number


def document_of(message: Message) -> dict[str, Any]:
    """Return the JSON document that a message holds.

    Raises:
        WireError: The payload is not a JSON object.
    """
    try:
        document = json.loads(message.payload)
    except ValueError as error:
        raise WireError(f"the payload is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise WireError("the payload is not a JSON object")
    return document


def channel_closed(session_id: str, target: str, output: str) -> Message:
    """Make the service's last message; `output` says why the session ended, and may be empty."""
    message_id = uuid.uuid4()
    now = time.time_ns() // 1_000_000
    document = {
        "MessageType": MessageType.CHANNEL_CLOSED,
        "MessageId": str(message_id),
        "DestinationId": target,
        "SessionId": session_id,
        "SchemaVersion": SCHEMA_VERSION,
        "CreatedDate": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000)) + f".{now % 1000:03}Z",
        "Output": output,
    }
    payload = json.dumps(document).encode()
    return Message(MessageType.CHANNEL_CLOSED, 0, FLAGS_DATA, message_id, PayloadType.NONE, payload, now)
