"""smux version 1: many connections in one stream of bytes.

Source: https://github.com/xtaci/smux (frame.go); little endian, and no window of its own.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

OPEN: Final = 0
FINISH: Final = 1
DATA: Final = 2
KEEP_ALIVE: Final = 3

_VERSION: Final = 1
_HEADER: Final = struct.Struct("<BBHI")
MAX_DATA: Final = 1024 - _HEADER.size
"""Bytes of data in a frame of ours: one frame fills one message, so that frames of two streams cannot mix
and a short request waits for one message of a long upload, not for 32 KiB."""


class SmuxError(ValueError):
    """These bytes are no smux frame: the session cannot go on."""


class Frame(NamedTuple):
    """A frame: command, stream, data."""

    command: int
    stream: int
    data: bytes = b""


def encode_frame(frame: Frame) -> bytes:
    """Return a frame's bytes; data of at most 65,535 bytes."""
    return _HEADER.pack(_VERSION, frame.command, len(frame.data), frame.stream) + frame.data


class FrameParser:
    """Finds frames in a stream of bytes that is cut anywhere."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes.

        Raises:
            SmuxError: Another version, or an unknown command.
        """
        buffer = self._buffer
        buffer += data
        frames = []
        start = 0
        while len(buffer) - start >= _HEADER.size:
            version, command, length, stream = _HEADER.unpack_from(buffer, start)
            if version != _VERSION or command > KEEP_ALIVE:
                raise SmuxError(f"smux version {version}, command {command}")
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            frames.append(Frame(command, stream, bytes(buffer[start + _HEADER.size : end])))
            start = end
        del buffer[:start]
        return frames
