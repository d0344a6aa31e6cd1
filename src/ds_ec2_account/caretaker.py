"""Stop what nothing watches any more: machines, holds on capacity. Inline Lambda code: one file, boto3 alone.

A machine stops itself when it is idle; this is for one whose own watch is dead, and for one past its time.
A hold is cancelled by the command that made it; this is for one whose command was killed.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

_ANY = {"CapacityReservationPreference": "open"}
_BATCH = 10  # names of one GetParameters


def verdict(
    tags: dict[str, str], launched: datetime, heard: datetime | None, now: datetime, silent: timedelta
) -> str:
    """Return why a running machine is to stop, or nothing.

    Args:
        tags: The instance's.
        launched: Its last start.
        heard: Its last heartbeat; None where it has no status parameter: then its silence says nothing.
        now: The time.
        silent: The longest silence.
    """
    most = tags.get("ds-ec2:max-minutes", "")
    if most.isdecimal() and int(most) and now - launched >= timedelta(minutes=int(most)):
        return f"its maximum of {most} minutes was over"
    quiet = now - max(heard or now, launched)
    return f"no word from it for {quiet // timedelta(minutes=1)} minutes" if quiet > silent else ""


def sweep(ec2: Any, ssm: Any, now: datetime, silent: timedelta) -> list[str]:
    """Look at every running machine, stop those that must, and return what was done.

    Only what is there now decides: nothing is remembered from one sweep to the next. A stopped machine that
    was launched into a hold would look for it at its next start.
    """
    running, done = {}, []
    filters = {"tag:ds-ec2:part": ["machine", "all-in-one"], "instance-state-name": ["running", "stopped"]}
    wanted = [{"Name": name, "Values": values} for name, values in filters.items()]
    for page in ec2.get_paginator("describe_instances").paginate(Filters=wanted):
        for one in (one for each in page["Reservations"] for one in each["Instances"]):
            if one["State"]["Name"] == "stopped":
                if "CapacityReservationTarget" in one.get("CapacityReservationSpecification", {}):
                    ec2.modify_instance_capacity_reservation_attributes(
                        InstanceId=one["InstanceId"], CapacityReservationSpecification=_ANY
                    )
                    done.append(f"{one['InstanceId']}: may start anywhere")
                continue
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            path = f"/ds-ec2/{tags.get('aws:cloudformation:stack-name', '')}/status"
            running[one["InstanceId"]] = (tags, one["LaunchTime"], path)
    paths, heard = sorted({path for _, _, path in running.values()}), {}
    for at in range(0, len(paths), _BATCH):
        for one in ssm.get_parameters(Names=paths[at : at + _BATCH])["Parameters"]:
            heard[one["Name"]] = one["LastModifiedDate"]
    for name, (tags, launched, path) in running.items():
        if why := verdict(tags, launched, heard.get(path), now, silent):
            word = f"{now:%Y-%m-%dT%H:%M:%SZ} {why}"
            ec2.create_tags(Resources=[name], Tags=[{"Key": "ds-ec2:stopped-because", "Value": word}])
            ec2.stop_instances(InstanceIds=[name])
            done.append(f"{name}: {why}")
    return done


def release(ec2: Any, now: datetime) -> list[str]:
    """Cancel the holds that are past their minute, and return what was done."""
    done = []
    wanted = [{"Name": "tag:ds-ec2:part", "Values": ["hold"]}, {"Name": "state", "Values": ["active"]}]
    for page in ec2.get_paginator("describe_capacity_reservations").paginate(Filters=wanted):
        for one in page["CapacityReservations"]:
            if one["EndDate"] <= now:
                ec2.cancel_capacity_reservation(CapacityReservationId=one["CapacityReservationId"])
                done.append(f"{one['CapacityReservationId']}: cancelled")
    return done


def handler(_event: object, _context: object) -> list[str]:
    """Answer the clock; an error makes Lambda try again."""
    import boto3

    silent = timedelta(minutes=float(os.environ["SILENT_MINUTES"]))
    ec2, now = boto3.client("ec2"), datetime.now(UTC)
    done = release(ec2, now) + sweep(ec2, boto3.client("ssm"), now, silent)
    print(done)  # noqa: T201 - the function's log
    return done
