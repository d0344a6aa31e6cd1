"""Long answers in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE: Final = 100
"""Rows a page, as many as ListStacks answers. Source: API reference."""


def page(name: str, rows: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page of `rows` that a request's NextToken asks for.

    Raises:
        ValidationError: The token is not one of ours.
    """
    token = request.get("NextToken") or "0"
    if not token.isdigit():
        raise ValidationError("NextToken is invalid")
    start = int(token)
    end = start + min(int(request.get("MaxResults") or PAGE), PAGE)
    return {name: rows[start:end], "NextToken": str(end) if end < len(rows) else None}
