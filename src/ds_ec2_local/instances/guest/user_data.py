"""User data, as cloud-init takes it: shell scripts, alone or in a MIME multipart, compressed or not."""

from __future__ import annotations

import email
import gzip
import zlib
from dataclasses import dataclass

_GZIP = b"\x1f\x8b"
_SHELL_TYPE = "text/x-shellscript"


@dataclass(frozen=True)
class Script:
    """A part that is run.

    Args:
        name: Its file name below `/var/lib/cloud/instance/scripts`.
        text: What is run; its first line names the interpreter.
    """

    name: str
    text: bytes


def scripts(data: bytes) -> tuple[list[Script], list[str]]:
    """Return the scripts of user data in their order, and a line about each part that is not run."""
    found: list[Script] = []
    notes: list[str] = []
    for number, (kind, name, text) in enumerate(_parts(data), 1):
        if kind == _SHELL_TYPE or text.startswith(b"#!"):
            found.append(Script(name or f"part-{number:03d}", text))
        elif text.startswith(b"#cloud-config") or kind == "text/cloud-config":
            notes.append(f"part {number} is cloud-config: not run by this instance")
        elif text.strip():
            notes.append(f"part {number} ({kind}) is nothing that this instance runs")
    return found, notes


def _plain(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data


def _parts(data: bytes) -> list[tuple[str, str, bytes]]:
    data = _plain(data)
    head = data[:4096].lower()
    if data.startswith(b"#") or b"mime-version:" not in head:
        return [("text/plain", "", data)]
    parts: list[tuple[str, str, bytes]] = []
    for part in email.message_from_bytes(data).walk():
        if part.is_multipart():
            continue
        payload = part.get_payload(decode=True)
        text = _plain(payload) if isinstance(payload, bytes) else b""
        name = "".join(c for c in part.get_filename("") if c.isalnum() or c in "._-").lstrip(".")
        parts.append((part.get_content_type(), name, text))
    return parts
