"""Policies and other JSON documents, which templates write as objects and services take as text."""

from __future__ import annotations

import json
from typing import Any


def as_text(document: Any) -> str | None:
    """Return a document as text; None stays None."""
    return document if document is None or isinstance(document, str) else json.dumps(document)
