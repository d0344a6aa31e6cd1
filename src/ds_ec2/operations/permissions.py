"""What the caller may do, as IAM's policy simulator says: asked once, for everything an operation needs.

Nothing is claimed where it cannot be asked. AWS says itself that its simulator can differ from what happens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import DeniedError
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.names import TAG_MANAGED_BY, TAG_OWNER
from ds_ec2.model.offers import Market
from ds_ec2.model.permissions import Denial, Permissions
from ds_ec2.model.plans import StackAction
from ds_ec2.policy.actions import OPERATIONS, STEPS, needs
from ds_ec2.policy.resources import Place
from ds_ec2.policy.statements import mended

if TYPE_CHECKING:
    from collections.abc import Collection

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.sts import Caller
    from ds_ec2.model.plans import StackPlan

_SSO: Final = "AWSReservedSSO_"
"""Roles of IAM Identity Center: their path has a region that is not in the caller's ARN.

Source: https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
"""


def simulate(account: Account, caller: Caller, owner: str, operation: str = "up") -> Permissions:
    """Return what the simulator says of an operation's actions; never raises. One call, two for a role."""
    try:
        principal = _principal(account, caller)
    except DsEc2Error as error:
        return Permissions(unchecked=f"{error.what}: {error.why}" if error.why else error.what)
    wanted = needs(operation)
    place = Place(caller.partition, account.region, caller.account_id)
    kinds = dict.fromkeys(need.kind for need in wanted)
    context = {
        "aws:RequestedRegion": account.region,
        "iam:PassedToService": "ec2.amazonaws.com",
        f"aws:RequestTag/{TAG_OWNER}": owner,
        f"aws:ResourceTag/{TAG_OWNER}": owner,
        f"aws:RequestTag/{TAG_MANAGED_BY}": "ds-ec2",
    }
    actions = list(dict.fromkeys(need.action for need in wanted))
    try:
        verdicts = account.policies.simulate(
            principal, actions, [place.example(kind) for kind in kinds], context
        )
    except DeniedError as error:
        return Permissions(unchecked=f"{error.action} is not allowed")
    except DsEc2Error as error:
        return Permissions(unchecked=f"{error.what}: {error.why}")
    denials: list[Denial] = []
    unclear: list[str] = []
    for need in wanted:
        told = verdicts.get((need.action, place.example(need.kind))) or verdicts.get((need.action, "*"))
        if told is None or told.allowed:
            continue
        if told.missing:
            unclear.append(need.action)
        else:
            pattern = place.pattern(need.kind)
            denials.append(Denial(need.action, need.step, told.cause, pattern, need.needed, told.source))
    return Permissions(principal, len(actions), tuple(denials), tuple(dict.fromkeys(unclear)))


def refused(found: Permissions, steps: Collection[str]) -> tuple[Denial, ...]:
    """Return what is refused of these steps: each action once, with what it is for in words."""
    merged: dict[str, Denial] = {}
    for one in found.denials:
        if one.step not in steps:
            continue
        before = merged.get(one.action)
        words = STEPS[one.step]
        if before is None:
            merged[one.action] = replace(one, step=words)
        else:
            merged[one.action] = replace(before, needed=before.needed or one.needed)
    return tuple(merged.values())


def steps_of(*stacks: StackPlan, packages: str, market: Market) -> tuple[str, ...]:
    """Return the steps that a plan takes.

    Args:
        stacks: Network, data, machine: none that is there already is made.
        packages: As they travel: the list itself, or one line that names an archive.
        market: How the instance is bought.
    """
    made = {stack.part for stack in stacks if stack.action in {StackAction.MAKE, StackAction.REMAKE}}
    taken = {"look", "plan", *made}
    if made:
        taken.add("stacks")
    if "network" not in made:
        taken.add("start")
    if packages.startswith("{"):
        taken.add("packages")
    if market is Market.SPOT and "machine" in made:
        taken.add("spot")
    return tuple(step for step in OPERATIONS["up"] if step in taken)


def line(denial: Denial) -> str:
    """Return a refusal in one line."""
    without = "" if denial.needed else " (it goes on without)"
    return f"not allowed: {denial.action}, {denial.step}: {denial.cause.value}{without}"


def check_allowed(denials: Collection[Denial]) -> None:
    """Refuse what IAM would refuse half-way.

    Raises:
        DsEc2Error: Something that is needed is refused, with the statement that allows it.
    """
    if error := failure(denials):
        raise error


def failure(denials: Collection[Denial]) -> DsEc2Error | None:
    """Return the error for what is refused; None where all that is needed is allowed."""
    needed = [one for one in denials if one.needed]
    if not needed:
        return None
    return DsEc2Error(
        f"AWS would deny {', '.join(one.action for one in needed[:3])}"
        + (f" and {len(needed) - 3} more" if len(needed) > 3 else ""),
        why="\n".join(line(one) for one in needed),
        hint=f"{mended(needed)}\n(IAM's simulator says so; --no-permission-check goes on all the same)",
    )


def _principal(account: Account, caller: Caller) -> str:
    """Return the ARN of the user or role whose policies the caller has.

    Raises:
        DsEc2Error: There is none that can be simulated.
    """
    kind, _, rest = caller.arn.rpartition(":")[2].partition("/")
    if kind == "user":
        return caller.arn
    if kind == "root":
        raise DsEc2Error("the account's root user cannot be simulated")
    if kind != "assumed-role":
        raise DsEc2Error(f"{caller.arn} is neither a user nor a role")
    role = rest.partition("/")[0]
    try:
        return account.policies.role_arn(role)
    except DsEc2Error as error:
        if role.startswith(_SSO):
            raise DsEc2Error(f"the path of the role {role} is not known", why=error.what) from error
        # Most roles have no path; where this one has, the simulation says that there is no such role.
        return f"arn:{caller.partition}:iam::{caller.account_id}:role/{role}"
