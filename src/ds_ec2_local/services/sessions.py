"""Between SSM's calls and Session Manager's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ec2_local.services.failures import AwsError
from ds_ec2_local.services.parts import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2_local.services.credentials import Principal


def start(
    target: str, document: str | None, parameters: dict[str, Any], principal: Principal, reason: str
) -> dict[str, Any]:
    """Open a session.

    Raises:
        AwsError: TargetNotConnected, InvalidDocument and their kin.
    """
    return _asked(lambda: current().sessions.open(target, document, parameters, principal, reason))


def resume(session_id: str) -> dict[str, Any]:
    """Give a session a new token."""
    return _asked(lambda: current().sessions.resume(session_id))


def terminate(session_id: str) -> dict[str, Any]:
    """End a session."""
    return _asked(lambda: current().sessions.terminate(session_id))


def describe(state: str, filters: list[dict[str, str]], max_results: int, next_token: str) -> dict[str, Any]:
    """List sessions, `Active` or `History`."""
    return _asked(lambda: current().sessions.describe(state, filters, max_results, next_token))


def _asked(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what the registry answers; its refusals carry SSM's code."""
    from ds_ec2_local.session_manager.exceptions import SessionApiError

    try:
        return call()
    except SessionApiError as error:
        raise AwsError(error.code, str(error)) from error
