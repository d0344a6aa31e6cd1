"""EC2's words for what cannot be had here and now."""

from __future__ import annotations

import pytest

from ds_ec2.aws.shortage import Shortage, shortage


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("InsufficientInstanceCapacity: We currently do not have ...", Shortage.CAPACITY),
        (
            (
                "Instance (AWS::EC2::Instance): We currently do not have sufficient g5.xlarge capacity in the"
                " Availability Zone you requested (us-east-1a). (Service: Ec2, Status Code: 500)"
            ),
            Shortage.CAPACITY,
        ),
        (
            (
                "The requested reservation does not have sufficient compatible and available"
                " capacity for this request."
            ),
            Shortage.CAPACITY,
        ),
        ("There is no Spot capacity available that matches your request.", Shortage.CAPACITY),
        (
            (
                "Your requested instance type (g5.xlarge) is not supported in your requested"
                " Availability Zone (us-east-1e)."
            ),
            Shortage.CAPACITY,
        ),
        (
            "You have requested more vCPU capacity than your current vCPU limit of 0 allows for",
            Shortage.QUOTA,
        ),
        ("MaxSpotInstanceCountExceeded: Max spot instance count exceeded", Shortage.QUOTA),
        ("InstanceLimitExceeded: Your quota allows for 0 more running instance(s).", Shortage.QUOTA),
        ("The image id '[ami-1]' does not exist", None),
        ("You are not authorized to perform: ec2:RunInstances", None),
        ("", None),
    ],
)
def test_words(words: str, what: Shortage | None) -> None:
    assert shortage(words) is what
