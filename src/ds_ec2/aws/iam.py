"""IAM: what the caller's policies would allow, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.aws.errors import translated
from ds_ec2.model.permissions import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_iam import IAMClient

_MOST_RESULTS: Final = 1000
"""Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the simulator says of one action on one resource.

    Args:
        allowed: Whether it is allowed.
        cause: What refuses it, where it is not.
        source: Id of the policy that refuses, where it is told.
        missing: Condition keys that policies ask for and that nobody could tell it.
    """

    allowed: bool
    cause: Cause = Cause.MISSING
    source: str = ""
    missing: tuple[str, ...] = ()


class Policies:
    """IAM."""

    def __init__(self, client: IAMClient) -> None:
        self._client = client

    @translated
    def role_arn(self, name: str) -> str:
        """Call GetRole and return the role's ARN, with its path.

        Raises:
            NoSuchThingError: There is none.
        """
        return self._client.get_role(RoleName=name)["Role"]["Arn"]

    @translated
    def simulate(
        self, principal: str, actions: Sequence[str], resources: Sequence[str], context: Mapping[str, str]
    ) -> Mapping[tuple[str, str], Verdict]:
        """Call SimulatePrincipalPolicy and return the verdicts by action and resource.

        Args:
            principal: ARN of a user or role.
            actions: `ec2:RunInstances`, ...
            resources: ARNs, or `*`; each action is asked about each.
            context: Condition keys and their values.
        """
        pages = self._client.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=principal,
            ActionNames=list(actions),
            ResourceArns=list(resources),
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in context.items()
            ],
            PaginationConfig={"PageSize": _MOST_RESULTS},
        )
        found: dict[tuple[str, str], Verdict] = {}
        for page in pages:
            for item in page["EvaluationResults"]:
                found |= _verdicts(item)
        return found


def _verdicts(item: Any) -> dict[tuple[str, str], Verdict]:
    """Read one result: with one for each resource in it, or (as it was once) of a single resource."""
    action = item["EvalActionName"]
    each = item.get("ResourceSpecificResults") or [item]
    return {(action, one["EvalResourceName"]): _verdict(one, item) for one in each}


def _verdict(one: Any, whole: Any) -> Verdict:
    decision = one.get("EvalResourceDecision") or one["EvalDecision"]
    statements = one.get("MatchedStatements") or []
    source = statements[0].get("SourcePolicyId", "") if statements else ""
    organization = one.get("OrganizationsDecisionDetail") or whole.get("OrganizationsDecisionDetail") or {}
    boundary = one.get("PermissionsBoundaryDecisionDetail") or {}
    if not organization.get("AllowedByOrganizations", True):
        cause = Cause.ORGANIZATION
    elif decision == "explicitDeny":
        cause = Cause.STATEMENT
    elif not boundary.get("AllowedByPermissionsBoundary", True):
        cause = Cause.BOUNDARY
    else:
        cause = Cause.MISSING
    return Verdict(decision == "allowed", cause, source, tuple(one.get("MissingContextValues") or ()))
