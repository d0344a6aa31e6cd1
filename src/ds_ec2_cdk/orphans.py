"""The function that ends what outlived its stack: spot requests, and the machines that they launched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from ds_ec2.model.names import TAG_STACK
from ds_ec2_cdk.account_function import AccountFunction
from ds_ec2_cdk.embed import orphans_code

if TYPE_CHECKING:
    from aws_cdk import aws_events as events
    from constructs import Construct


def orphans(scope: Construct, sweep: events.CfnRule) -> None:
    """Add the function; it sees all spot requests of the region, and touches nothing but ours.

    Args:
        scope: Where the resources go.
        sweep: The clock that calls it.
    """
    ours = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
    profiles = cdk.Fn.sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/ds-ec2-*")
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": "ec2:DescribeSpotInstanceRequests", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "cloudformation:DescribeStacks",
            "Resource": cdk.Fn.sub(ours % ("cloudformation", "stack/*")),
        },
        {
            "Effect": "Allow",
            "Action": "ec2:CancelSpotInstanceRequests",
            "Resource": cdk.Fn.sub(ours % ("ec2", "spot-instances-request/*")),
            "Condition": {"Null": {f"aws:ResourceTag/{TAG_STACK}": "false"}},
        },
        {
            # A machine that a request launched by itself has its profile, and perhaps not our tags.
            "Effect": "Allow",
            "Action": "ec2:TerminateInstances",
            "Resource": cdk.Fn.sub(ours % ("ec2", "instance/*")),
            "Condition": {"ArnLike": {"ec2:InstanceProfile": profiles}},
        },
    ]
    made = AccountFunction(
        scope,
        "Orphans",
        "Ends what outlived its stack",
        code=orphans_code(),
        statements=statements,
        variables={},
    )
    made.called_by(sweep, "OrphansMay")
