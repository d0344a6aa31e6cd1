"""The function that stops what nothing watches, or is past its time: machines, holds on capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk

from ds_ec2.model.names import HOLD, TAG_PART, TAG_STOPPED_BECAUSE
from ds_ec2_cdk.account_function import AccountFunction
from ds_ec2_cdk.embed import caretaker_code

if TYPE_CHECKING:
    from aws_cdk import aws_events as events
    from constructs import Construct

SILENT_MINUTES: Final = 45
"""A machine writes its status every ten minutes."""


def caretaker(scope: Construct, sweep: events.CfnRule) -> None:
    """Add the function; it sees all machines of the region, and touches nothing without their tag.

    Args:
        scope: Where the resources go.
        sweep: The clock that calls it.
    """
    arn = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
    statements: list[dict[str, Any]] = [
        # EC2's Describe calls know no resources.
        {
            "Effect": "Allow",
            "Action": ["ec2:DescribeInstances", "ec2:DescribeCapacityReservations"],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameters",
            "Resource": cdk.Fn.sub(arn % ("ssm", "parameter/ds-ec2/*/status")),
        },
        {
            "Effect": "Allow",
            "Action": [
                "ec2:StopInstances",
                "ec2:CreateTags",
                "ec2:ModifyInstanceCapacityReservationAttributes",
                "ec2:CancelCapacityReservation",
            ],
            "Resource": [
                cdk.Fn.sub(arn % ("ec2", what)) for what in ("instance/*", "capacity-reservation/*")
            ],
            "Condition": {
                "StringEquals": {f"aws:ResourceTag/{TAG_PART}": ["machine", "all-in-one", HOLD]},
                # The others have no tag keys: all of none are this one.
                "ForAllValues:StringEquals": {"aws:TagKeys": [TAG_STOPPED_BECAUSE]},
            },
        },
    ]
    made = AccountFunction(
        scope,
        "Caretaker",
        "Stops machines without a heartbeat or past their time, cancels holds past theirs",
        code=caretaker_code(),
        statements=statements,
        variables={"SILENT_MINUTES": str(SILENT_MINUTES)},
    )
    made.called_by(sweep, "CaretakerMay")
