"""The list of actions: nothing invented, nothing twice, and of the resources that the templates have."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import cfnlint
import pytest

from ds_ec2.model.offers import Market
from ds_ec2.model.permissions import Cause, Denial
from ds_ec2.model.plans import StackAction, StackPlan
from ds_ec2.operations.permissions import steps_of
from ds_ec2.policy.actions import OPERATIONS, STEPS, needs
from ds_ec2.policy.resources import Place
from ds_ec2.policy.statements import mended
from ds_ec2.templates import template

SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
PLACE = Place("aws", "us-east-1", "123456789012")


@cache
def handlers() -> dict[str, dict[str, set[str]]]:
    """Permissions by resource type and verb, as CloudFormation's own schemas tell them."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in SCHEMAS.glob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        verbs = schema.get("handlers", {})
        told = {verb: set(verbs.get(verb, {}).get("permissions", ())) for verb in ("create", "read")}
        found[schema.get("typeName", "")] = told
    return found


def types(part: str) -> set[str]:
    return {one["Type"] for one in json.loads(template(part))["Resources"].values()}


@pytest.mark.parametrize("part", ["network", "data", "machine"])
def test_what_a_stack_needs_is_what_cloudformation_says_of_its_resources(part: str) -> None:
    told = [handlers()[kind] for kind in types(part) if kind in handlers()]
    allowed = set().union(*(one["create"] | one["read"] for one in told))
    # The machine's stages, and the hold on capacity: `up`'s own calls.
    own = {"ssm:GetParameter"} | {need.action for need in needs("up") if "CapacityReservation" in need.action}
    assert {need.action for need in needs("up") if need.step == part} - own <= allowed


def test_every_type_of_resource_that_is_made_has_its_first_action_in_the_list() -> None:
    wanted = {need.action for need in needs("up")}
    made = {kind for part in ("network", "data", "machine") for kind in types(part)}
    for kind in made:
        creates = handlers().get(kind, {}).get("create", set())
        assert not creates or creates & wanted, kind


@pytest.mark.parametrize("operation", OPERATIONS)
def test_steps_and_kinds_of_resources_are_known(operation: str) -> None:
    for need in needs(operation):
        assert STEPS[need.step]
        assert PLACE.example(need.kind)
        assert need.action.count(":") == 1
    assert len(set(needs(operation))) == len(needs(operation))


def test_an_example_is_one_of_those_that_the_pattern_means() -> None:
    from fnmatch import fnmatchcase

    for kind in {need.kind for operation in OPERATIONS for need in needs(operation)}:
        assert fnmatchcase(PLACE.example(kind), PLACE.pattern(kind))


def test_one_statement_allows_all_that_is_missing() -> None:
    text = mended(
        [
            Denial("iam:CreateRole", "", Cause.MISSING, PLACE.pattern("role")),
            Denial("ssm:PutParameter", "", Cause.MISSING, PLACE.pattern("parameter")),
        ]
    )
    statement = json.loads(text.removeprefix("allow in IAM: "))
    assert statement["Action"] == ["iam:CreateRole", "ssm:PutParameter"]
    assert statement["Resource"] == [
        "arn:aws:iam::123456789012:role/ds-ec2-*",
        "arn:aws:ssm:us-east-1:123456789012:parameter/ds-ec2/*",
    ]


def test_a_deny_is_named_with_its_policy() -> None:
    text = mended([Denial("ec2:RunInstances", "", Cause.STATEMENT, source="NoMachines")])
    assert text == "an allow does not help: take it out of the Deny of NoMachines: ec2:RunInstances"


def stack(part: str, action: StackAction) -> StackPlan:
    return StackPlan(f"ds-ec2-{part}", part, action)


@pytest.mark.parametrize(
    ("network", "machine", "packages", "steps"),
    [
        (StackAction.MAKE, StackAction.MAKE, "six", {"stacks", "network", "machine"}),
        (StackAction.KEEP, StackAction.MAKE, "six", {"stacks", "machine", "start"}),
        (StackAction.KEEP, StackAction.REMAKE, '{"key": "x"}', {"stacks", "machine", "start", "packages"}),
        (StackAction.WAIT, StackAction.WAIT, "six", {"start"}),
    ],
)
def test_only_what_a_plan_makes_has_to_be_allowed(
    network: StackAction, machine: StackAction, packages: str, steps: set[str]
) -> None:
    stacks = stack("network", network), stack("machine", machine)
    found = steps_of(*stacks, packages=packages, market=Market.ON_DEMAND)
    assert set(found) == {"look", "plan"} | steps
    more = {"spot"} if "machine" in steps else set()
    assert set(steps_of(*stacks, packages=packages, market=Market.SPOT)) == {"look", "plan"} | steps | more
