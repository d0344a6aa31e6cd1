"""Between SSM's calls and Session Manager's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ec2_local.services.failures import AwsError
from ds_ec2_local.services.parts import current

if TYPE_CHECKING:
    from collections.abc import Callable


def _registry() -> Any:
    registry = current().sessions
    if registry is None:
        raise NotImplementedError("Session Manager is not part of this server")
    return registry


def start(target: str, document: str | None, parameters: dict[str, Any], principal: str) -> dict[str, Any]:
    """Open a session.

    Raises:
        AwsError: TargetNotConnected, InvalidDocument and their kin, in SSM's words.
    """
    grant: dict[str, Any] = _asked(lambda: _registry().open(target, document, parameters, principal))
    return grant


def resume(session_id: str) -> dict[str, Any]:
    """Give a session a new token."""
    grant: dict[str, Any] = _asked(lambda: _registry().resume(session_id))
    return grant


def terminate(session_id: str) -> dict[str, Any]:
    """End a session; one that is gone is no error."""
    _asked(lambda: _registry().terminate(session_id))
    return {"SessionId": session_id}


def describe(state: str, filters: list[dict[str, Any]]) -> dict[str, Any]:
    """List sessions, `Active` or `History`."""
    listed = _asked(lambda: _registry().describe(state, filters))
    return listed if isinstance(listed, dict) else {"Sessions": listed}


def _asked(call: Callable[[], Any]) -> Any:
    """Return what the registry answers; its refusals carry the name of SSM's exception."""
    try:
        return call()
    except (AwsError, NotImplementedError):
        raise
    except Exception as error:
        name = type(error).__name__.removesuffix("Error")
        if error.__class__.__module__.startswith("ds_ec2_local.session_manager"):
            raise AwsError(name, str(error)) from error
        raise
