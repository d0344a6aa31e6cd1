"""Frames of smux version 1, which carry several TCP connections over one port session.

Source: https://github.com/xtaci/smux, as the Session Manager plugin and agent use it.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER = struct.Struct("<BBHI")
"""Version, command, length of the payload, stream."""

VERSION = 1
MAX_FRAME = 32_768
"""Bytes of payload in one frame (smux's MaxFrameSize by default)."""

MAX_RECEIVE_BUFFER = 4_194_304
"""Bytes received, over all streams, and not yet taken by their readers (smux's default)."""


class Command(IntEnum):
    """What a frame does to its stream."""

    SYN = 0
    FIN = 1
    PSH = 2
    NOP = 3


class SmuxError(ValueError):
    """Bytes that are no smux frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `payload` is empty but for PSH."""

    command: Command
    stream: int
    payload: bytes = b""


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    return HEADER.pack(VERSION, frame.command, len(frame.payload), frame.stream) + frame.payload


class FrameParser:
    """Cuts a byte stream into frames, however it arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Add bytes; return the frames that are now complete.

        Raises:
            SmuxError: The version or the command is unknown.
        """
        self._buffer += data
        frames = []
        position = 0
        while len(self._buffer) - position >= HEADER.size:
            version, command, length, stream = HEADER.unpack_from(self._buffer, position)
            if version != VERSION or command > Command.NOP:
                raise SmuxError(f"no frame of smux version 1: version {version}, command {command}")
            end = position + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(Frame(Command(command), stream, bytes(self._buffer[position + HEADER.size : end])))
            position = end
        del self._buffer[:position]
        return frames
