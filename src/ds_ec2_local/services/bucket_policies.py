"""Bucket policies with their conditions, put over moto's, which denies where a condition does not hold.

`CONTEXT` is what is known of a request. The server speaks plain HTTP, on loopback alone: no wire carries a
byte that TLS would hide, so its requests count as secure, as the same calls to AWS are.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.services.parts import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTEXT: Final[Mapping[str, str]] = {
    "aws:securetransport": "true",
    "aws:principalaccount": ACCOUNT,
    "aws:sourceip": "127.0.0.1",
}
"""Condition keys of every request; names of keys are not case-sensitive."""

_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": fnmatchcase,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
    "Bool": lambda value, wanted: value == wanted.lower(),
}
"""Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""


def install() -> None:
    """Put ours over moto's evaluation of a bucket's policy."""
    from moto.s3.models import FakeBucket

    FakeBucket.get_permission = _permission


def _permission(bucket: Any, action: str, resource: str) -> Any:
    from moto.iam.access_control import IAMPolicy, PermissionResult

    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    statements = json.loads(bucket.policy)["Statement"]
    held = in_force(statements if isinstance(statements, list) else [statements])
    return IAMPolicy(json.dumps({"Statement": held})).is_action_permitted(action, resource)


def in_force(statements: list[dict[str, Any]], context: Mapping[str, str] = CONTEXT) -> list[dict[str, Any]]:
    """Return the statements whose conditions hold, without their conditions.

    A condition with an operator that is not known here keeps a Deny and drops an Allow.
    """
    return [
        {name: value for name, value in statement.items() if name != "Condition"}
        for statement in statements
        if _holds(statement.get("Condition", {}), context, unknown=statement["Effect"] == "Deny")
    ]


def _holds(condition: dict[str, dict[str, Any]], context: Mapping[str, str], *, unknown: bool) -> bool:
    return all(
        _matches(operator, context.get(key.lower()), _texts(wanted), unknown=unknown)
        for operator, tests in condition.items()
        for key, wanted in tests.items()
    )


def _matches(operator: str, value: str | None, wanted: list[str], *, unknown: bool) -> bool:
    if operator == "Null":
        return (value is None) == (wanted == ["true"])
    name = operator.removesuffix("IfExists")
    test = _TESTS.get(name.replace("Not", ""))
    if test is None:
        return unknown
    negated = "Not" in name
    if value is None:  # a key that the request lacks
        return negated or name != operator
    return any(test(value, one) for one in wanted) is not negated


def _texts(wanted: Any) -> list[str]:
    values = wanted if isinstance(wanted, list) else [wanted]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
