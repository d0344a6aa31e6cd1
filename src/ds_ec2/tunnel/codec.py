"""One message of Session Manager's data channel, to and from bytes.

Source: https://github.com/aws/session-manager-plugin (src/message), the reference implementation.
"""

from __future__ import annotations

import hashlib
import struct
import time
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

INPUT: Final = "input_stream_data"
"""From the laptop to the agent."""
OUTPUT: Final = "output_stream_data"
"""From the agent to the laptop."""
ACKNOWLEDGE: Final = "acknowledge"
CHANNEL_CLOSED: Final = "channel_closed"
_UNCHECKED: Final = frozenset({"start_publication", "pause_publication"})
"""The service sends these with empty dates and digests."""

FLAGS_ACKNOWLEDGE: Final = 3
MAX_PAYLOAD: Final = 1024
"""Bytes of a stream message, as the plugin and the agent cut them."""


class PayloadType:
    """What a stream message carries."""

    OUTPUT: Final = 1
    SIZE: Final = 3
    HANDSHAKE_REQUEST: Final = 5
    HANDSHAKE_RESPONSE: Final = 6
    HANDSHAKE_COMPLETE: Final = 7
    ENCRYPTION_CHALLENGE: Final = 8
    FLAG: Final = 10
    STANDARD_ERROR: Final = 11
    EXIT_CODE: Final = 12


class Flag:
    """Values of a message with payload type FLAG: four bytes, big endian."""

    DISCONNECT_TO_PORT: Final = 1
    TERMINATE_SESSION: Final = 2
    CONNECT_TO_PORT_ERROR: Final = 3


class WireError(ValueError):
    """These bytes are no message: a receiver drops them, and the sender sends them again."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    Args:
        message_type: `input_stream_data`, `acknowledge`, ...
        sequence: Number of a stream message, from 0; 0 in all others.
        payload_type: See `PayloadType`; 0 in what is no stream message.
        payload: At most 1,024 bytes in stream messages.
        flags: 0 for data, 3 for acknowledgements.
        message_id: Its identity, which an acknowledgement names.
        created_ms: Milliseconds since 1970.
        schema_version: Always 1.
    """

    message_type: str
    sequence: int
    payload_type: int
    payload: bytes = field(repr=False)
    flags: int = 0
    message_id: UUID = field(default_factory=uuid4)
    created_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    schema_version: int = 1


_HEADER: Final = struct.Struct(">I32sIQqQ8s8s32sI")
"""Everything up to the payload's length, 116 bytes: the number that stands in the first field."""
_LENGTH: Final = struct.Struct(">I")
_PREFIX: Final = _HEADER.size + _LENGTH.size


def encode(message: Message) -> bytes:
    """Return the bytes of a message."""
    identity = message.message_id.bytes
    header = _HEADER.pack(
        _HEADER.size,
        message.message_type.encode("ascii").ljust(32),
        message.schema_version,
        message.created_ms,
        message.sequence,
        message.flags,
        identity[8:],  # the low half travels first
        identity[:8],
        hashlib.sha256(message.payload).digest(),
        message.payload_type,
    )
    return header + _LENGTH.pack(len(message.payload)) + message.payload


def decode(data: bytes) -> Message:
    """Return the message in `data`.

    Raises:
        WireError: It is cut short, has no type, length or date, or its digest is another payload's.
    """
    if len(data) < _PREFIX:
        raise WireError(f"{len(data)} bytes are no message")
    size, kind, schema, created, sequence, flags, low, high, digest, payload_type = _HEADER.unpack_from(data)
    if size != _HEADER.size:
        raise WireError(f"a header of {size} bytes")
    (length,) = _LENGTH.unpack_from(data, _HEADER.size)
    payload = data[_PREFIX : _PREFIX + length]
    try:
        message_type = kind.strip(b" \0").decode("ascii")
    except UnicodeDecodeError as error:
        raise WireError("a message type that is not ASCII") from error
    if len(payload) != length or not message_type:
        raise WireError("a message cut short, or without a type")
    if message_type not in _UNCHECKED and (not created or hashlib.sha256(payload).digest() != digest):
        raise WireError("a message without a date, or with another payload's digest")
    return Message(
        message_type, sequence, payload_type, payload, flags, UUID(bytes=high + low), created, schema
    )
