"""What only a launch template can say of an instance: the spot market, and a reservation to launch into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from ds_ec2.model.names import TAG_STACK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

SPOT: Final = "spot"
FIRST: Final = "1"
"""The version that an instance is pinned to: a later one of the template leaves the instance alone."""


@dataclass(frozen=True, slots=True)
class LaunchProps:
    """How an instance is had. Every value may be a token.

    Args:
        market: `on-demand` or `spot`.
        reservation: Capacity reservation to launch into, or empty.
    """

    market: str
    reservation: str


def launch_template(
    scope: Construct, props: LaunchProps, tags: Sequence[cdk.CfnTag]
) -> cdk.ICfnRuleConditionExpression:
    """Add a launch template where one is needed; return the instance's `LaunchTemplate`.

    What stands on the instance as well counts there, as in RunInstances; so all else stays on the instance.

    Args:
        scope: Where the resources go.
        props: How the instance is had.
        tags: Of the spot request, which outlives its instance: by them it is found, and cancelled.
    """
    spot = _condition(scope, "IsSpot", cdk.Fn.condition_equals(props.market, SPOT))
    reserved = _condition(
        scope, "IsReserved", cdk.Fn.condition_not(cdk.Fn.condition_equals(props.reservation, ""))
    )
    either = cdk.Fn.condition_or(spot, reserved)  # type: ignore[arg-type] # jsii's stubs: a condition is one
    needed = _condition(scope, "NeedsLaunchTemplate", either)
    data = ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
        instance_market_options=_if(spot, _market()),
        capacity_reservation_specification=_if(reserved, _reservation(props.reservation)),
        tag_specifications=_if(spot, [_request_tags(tags)]),
    )
    made = ec2.CfnLaunchTemplate(scope, "LaunchTemplate", launch_template_data=data)
    made.cfn_options.condition = needed
    return _if(needed, {"LaunchTemplateId": made.ref, "Version": FIRST})


def _market() -> dict[str, object]:
    # Only a persistent request can be stopped, by us and by an interruption.
    # Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    return {"MarketType": SPOT, "SpotOptions": options}


def _reservation(name: str) -> dict[str, object]:
    return {"CapacityReservationTarget": {"CapacityReservationId": name}}


def _request_tags(tags: Sequence[cdk.CfnTag]) -> dict[str, object]:
    every = {tag.key: tag.value for tag in tags} | {TAG_STACK: cdk.Aws.STACK_NAME}
    return {
        "ResourceType": "spot-instances-request",
        "Tags": [{"Key": key, "Value": value} for key, value in every.items()],
    }


def _condition(scope: Construct, name: str, expression: cdk.ICfnConditionExpression) -> cdk.CfnCondition:
    return cdk.CfnCondition(scope, name, expression=expression)


def _if(condition: cdk.CfnCondition, value: object) -> cdk.ICfnRuleConditionExpression:
    return cdk.Fn.condition_if(condition.logical_id, value, cdk.Aws.NO_VALUE)
