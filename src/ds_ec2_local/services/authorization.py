"""The one place where a call is allowed or refused.

It allows everything: policies are stored by IAM and not enforced yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.services.credentials import Principal


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call goes on, and why not."""

    allowed: bool
    reason: str = ""


def authorize(principal: Principal, action: str, resource: str, context: Mapping[str, Any]) -> Decision:
    """Decide on one call.

    Args:
        principal: Who calls.
        action: As in a policy: `ec2:RunInstances`.
        resource: The resource's ARN or id, `*` where the call names none.
        context: Region and parameters of the call.
    """
    del principal, action, resource, context
    return Decision(allowed=True)
