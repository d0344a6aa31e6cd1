"""Stack policies: which updates of which resources are allowed."""

from __future__ import annotations

import fnmatch
import json
from typing import Any, Literal

from ds_ec2_local.cloudformation.errors import ResourceFailure, ValidationError

Action = Literal["Update:Modify", "Update:Replace", "Update:Delete"]


def check(body: str) -> str:
    """Return a policy's text if it is in good form.

    Raises:
        ValidationError: It is not.
    """
    try:
        statements = json.loads(body)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValidationError("Error validating stack policy: Invalid stack policy") from error
    for statement in statements if isinstance(statements, list) else [None]:
        if not isinstance(statement, dict) or statement.get("Effect") not in {"Allow", "Deny"}:
            raise ValidationError("Error validating stack policy: Invalid stack policy")
        if statement.get("Principal") not in ("*", {"AWS": "*"}):
            raise ValidationError("Error validating stack policy: Principal must be *")
    return body


def permit(body: str | None, action: Action, logical_id: str, type_name: str) -> None:
    """Do nothing if the policy allows the action; without a policy all is allowed.

    Raises:
        ResourceFailure: It does not: a denial, or no statement that allows.
    """
    if body is None:
        return
    allowed = False
    for number, statement in enumerate(json.loads(body)["Statement"], start=1):
        if not _applies(statement, action, logical_id, type_name):
            continue
        if statement["Effect"] == "Deny":
            raise ResourceFailure(
                f"Action denied by stack policy: Statement [#{number}] denies [{action}]"
                f" for resource [LogicalResourceId/{logical_id}]"
            )
        allowed = True
    if not allowed:
        raise ResourceFailure(
            f"Action denied by stack policy: no statement allows [{action}]"
            f" for resource [LogicalResourceId/{logical_id}]"
        )


def _applies(statement: dict[str, Any], action: Action, logical_id: str, type_name: str) -> bool:
    name = f"LogicalResourceId/{logical_id}"
    if "NotAction" in statement:
        acts = not _any(statement["NotAction"], action)
    else:
        acts = _any(statement.get("Action", []), action)
    if "NotResource" in statement:
        here = not _any(statement["NotResource"], name)
    else:
        here = _any(statement.get("Resource", []), name)
    return acts and here and _holds(statement.get("Condition") or {}, type_name)


def _holds(condition: dict[str, Any], type_name: str) -> bool:
    return all(
        _any(values, type_name)
        for operator in condition.values()
        for key, values in operator.items()
        if key == "ResourceType"
    )


def _any(patterns: Any, text: str) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns]
    return any(fnmatch.fnmatchcase(text, str(pattern)) for pattern in listed)
