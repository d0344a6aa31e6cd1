"""Keep the way out running while machines need it. Inline Lambda code, `ledger.py` before it: boto3 alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from ds_ec2_account.ledger import note

GRACE = timedelta(minutes=15)
"""A way out this young stays: it may have been started for a machine that is still to come."""

_PARTS = ["machine", "all-in-one"]


def follow(ec2: Any, vpc: str, way_out: str, now: datetime, *, sweep: bool) -> str:
    """Start or stop the way out by a fresh count of machines; return what was done.

    Events carry no tags and may come late, twice or never: only the count decides. A way out that is
    just stopping is started when its own `stopped` event comes.

    Args:
        ec2: An EC2 client.
        vpc: Where machines count.
        way_out: Instance id.
        now: The time, with its zone.
        sweep: Called by the clock: only then is it stopped, so that a restart finds it running.
    """
    found = list(_instances(ec2, {"instance-id": [way_out]}))
    if not found:
        raise LookupError(f"{way_out} is gone: no machine reaches the internet")
    state = found[0]["State"]["Name"]
    states = {
        one["State"]["Name"]
        for one in _instances(ec2, {"vpc-id": [vpc], "tag:ds-ec2:part": _PARTS})
        if one["InstanceId"] != way_out
    }
    if states & {"pending", "running"}:
        if state == "stopped":
            ec2.start_instances(InstanceIds=[way_out])
            return "started"
        return f"needed, {state}"
    if state != "running" or not sweep:
        return f"not needed, {state}"
    if states & {"stopping", "shutting-down"} or now - found[0]["LaunchTime"] < GRACE:
        return "not needed, kept for a while"
    ec2.stop_instances(InstanceIds=[way_out])
    return "stopped"


def close_group(ec2: Any, group: str) -> bool:
    """Take all rules out of the VPC's default security group; return whether there were any.

    CloudFormation cannot: the group comes with the VPC. Security Hub's control EC2.2 asks for it.
    """
    found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    comes_in, goes_out = found["IpPermissions"], found["IpPermissionsEgress"]
    if comes_in:
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=comes_in)
    if goes_out:
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=goes_out)
    return bool(comes_in or goes_out)


def _instances(ec2: Any, wanted: dict[str, list[str]]) -> Any:
    filters = [{"Name": name, "Values": values} for name, values in wanted.items()]
    for page in ec2.get_paginator("describe_instances").paginate(Filters=filters):
        for reservation in page["Reservations"]:
            yield from reservation["Instances"]


def handler(event: dict[str, Any], _context: object) -> str:
    """Answer one event; an error makes Lambda try again."""
    import boto3

    ec2, vpc, now = boto3.client("ec2"), os.environ["VPC"], datetime.now(UTC)
    sweep = event.get("detail-type") == "Scheduled Event"
    done = follow(ec2, vpc, os.environ["WAY_OUT"], now, sweep=sweep)
    if sweep and close_group(ec2, os.environ["DEFAULT_GROUP"]):
        done += "; default group closed"
    note(ec2, _instances(ec2, {"vpc-id": [vpc], "tag:ds-ec2:part": [*_PARTS, "network"]}), event, now)
    print(done)  # noqa: T201 - the function's log
    return done
