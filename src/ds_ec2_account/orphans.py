"""Cancel spot requests that outlived their stack. Runs as inline Lambda code: one file, boto3 alone.

A persistent request launches another machine for one that ended: one that no stack knows of, and that bills.
"""

from __future__ import annotations

from typing import Any

_LIVING = ["open", "active", "disabled"]
_GONE = ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")


def orphaned(request: dict[str, Any], stack: dict[str, Any] | None) -> bool:
    """Return whether no stack knows the machine of a request.

    A stack that is being changed is left alone until the next sweep: to cancel the request of a machine that
    is stopped ends the machine.

    Args:
        request: As DescribeSpotInstanceRequests tells it.
        stack: As DescribeStacks tells it; None where there is none.
    """
    if stack is None or stack["StackStatus"] in _GONE:
        return True
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
    own, now = outputs.get("InstanceId"), request.get("InstanceId")
    return not stack["StackStatus"].endswith("_IN_PROGRESS") and None not in (own, now) and own != now


def sweep(ec2: Any, cloudformation: Any) -> list[str]:
    """Look at every living request of ours, end those without a stack and their machines; return them."""
    done = []
    filters = [{"Name": "tag-key", "Values": ["ds-ec2:stack"]}, {"Name": "state", "Values": _LIVING}]
    for page in ec2.get_paginator("describe_spot_instance_requests").paginate(Filters=filters):
        for one in page["SpotInstanceRequests"]:
            (name,) = (tag["Value"] for tag in one["Tags"] if tag["Key"] == "ds-ec2:stack")
            if orphaned(one, _stack(cloudformation, name)):
                ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[one["SpotInstanceRequestId"]])
                # One that is stopped ends with its request.
                if one["State"] == "active":
                    ec2.terminate_instances(InstanceIds=[one["InstanceId"]])
                done.append(f"{one['SpotInstanceRequestId']} of {name}")
    return done


def _stack(cloudformation: Any, name: str) -> Any:
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def handler(_event: object, _context: object) -> list[str]:
    """Answer the clock; an error makes Lambda try again."""
    import boto3

    done = sweep(boto3.client("ec2"), boto3.client("cloudformation"))
    print(done)  # noqa: T201 - the function's log
    return done
