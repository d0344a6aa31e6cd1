"""Results go to standard output: as JSON where a program reads, as text where a person does."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any


def emit(text: str) -> None:
    """Write a result for a person."""
    if text:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def show(value: object, text: str, *, as_json: bool) -> None:
    """Write a result: the value as JSON, or its text."""
    if as_json:
        emit_json(value)
    else:
        emit(text)


def say(text: str) -> None:
    """Write something that is not the result: to standard error."""
    if text:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def emit_json(value: object) -> None:
    """Write a frozen value, or a list of them, as JSON. Field names are those of the dataclasses."""
    emit(json.dumps(_plain(value), indent=2))


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return str(value) if isinstance(value, Path) else value
