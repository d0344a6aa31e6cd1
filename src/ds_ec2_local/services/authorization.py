"""The one place where a call is allowed or refused.

It allows everything but what the fault `deny` names: policies are stored by IAM and not enforced yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.services.parts import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.services.credentials import Principal

BECAUSE: Final[Mapping[str, str]] = {
    "missing": "because no identity-based policy allows the {action} action",
    "statement": "with an explicit deny in an identity-based policy",
    "boundary": "because no permissions boundary allows the {action} action",
    "organization": "with an explicit deny in a service control policy",
}
"""Why a call is refused, in AWS's words.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call goes on, and why not.

    Args:
        allowed: Whether it goes on.
        by: What refused it: a member of `BECAUSE`.
        reason: The end of the sentence that AWS answers with.
    """

    allowed: bool
    by: str = ""
    reason: str = ""


def authorize(principal: Principal, action: str, resource: str, context: Mapping[str, Any]) -> Decision:
    """Decide on one call.

    Args:
        principal: Who calls.
        action: As in a policy: `ec2:RunInstances`.
        resource: The resource's ARN or id, `*` where the call names none.
        context: Region and parameters of the call.
    """
    del resource, context
    return decide(principal.arn.rpartition(":")[2].split("/")[1:], action)


def decide(names: list[str], action: str) -> Decision:
    """Decide on an action of a principal that has these names: a user's own, a role's and its session's."""
    if action == "sts:GetCallerIdentity":
        return Decision(allowed=True)  # nobody can be denied it
    for rule in current().faults.get("deny", ()):
        if rule.get("principal", names[-1]) in names and fnmatchcase(action.lower(), rule["action"].lower()):
            by = rule.get("by", "missing")
            return Decision(allowed=False, by=by, reason=BECAUSE[by].format(action=action))
    return Decision(allowed=True)
