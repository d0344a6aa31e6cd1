"""Capacity: held for the minutes that a stack needs, and asked for so that a lack of it is heard at once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_ec2.aws.ec2 import by_tags, tags_of
from ds_ec2.aws.errors import THROTTLED, NoSuchThingError, translated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from types_boto3_ec2 import EC2Client


@dataclass(frozen=True, slots=True)
class Held:
    """A capacity reservation that is active.

    Args:
        id: `cr-...`.
        type: Instance type.
        zone: Availability zone.
        ends_at: When it must be gone.
        tags: Its tags.
    """

    id: str
    type: str
    zone: str
    ends_at: datetime | None
    tags: Mapping[str, str]


class Capacity:
    """EC2's calls about capacity.

    Args:
        client: EC2.
        once: EC2, without retries: it tells a lack of capacity with HTTP status 500, which SDKs try again.
    """

    def __init__(self, client: EC2Client, once: EC2Client) -> None:
        self._client = client
        self._once = once

    @translated
    def hold(self, instance_type: str, zone: str, until: datetime, tags: Mapping[str, str]) -> str:
        """Call CreateCapacityReservation for one instance that will name it; return its id.

        Args:
            instance_type: What to hold.
            zone: Where.
            until: When it must be gone; EC2 ends it within an hour after that.
            tags: Its tags.

        Raises:
            DsEc2Error: There is no such capacity, or it may not be held.
        """
        answer = self._ask(
            "create_capacity_reservation",
            ClientToken=f"ds-ec2-{uuid.uuid4()}",
            InstanceType=instance_type,
            InstancePlatform="Linux/UNIX",
            AvailabilityZone=zone,
            InstanceCount=1,
            # A running instance that matches would take an open one.
            InstanceMatchCriteria="targeted",
            EndDateType="limited",
            EndDate=until,
            TagSpecifications=[
                {
                    "ResourceType": "capacity-reservation",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
            ],
        )
        found: str = answer["CapacityReservation"]["CapacityReservationId"]
        return found

    @translated
    def held(self, tags: Mapping[str, str]) -> tuple[Held, ...]:
        """Return the active reservations that have all these tags."""
        filters: Any = [
            {"Name": name, "Values": values}
            for name, values in (by_tags(tags) | {"state": ["active"]}).items()
        ]
        pages = self._client.get_paginator("describe_capacity_reservations").paginate(Filters=filters)
        return tuple(
            Held(
                item["CapacityReservationId"],
                item["InstanceType"],
                item["AvailabilityZone"],
                item.get("EndDate"),
                tags_of(item.get("Tags", [])),
            )
            for page in pages
            for item in page["CapacityReservations"]
        )

    def release(self, reservation_id: str) -> None:
        """Call CancelCapacityReservation; one that has gone is no error."""
        try:
            self._release(reservation_id)
        except NoSuchThingError:
            return

    @translated
    def _release(self, reservation_id: str) -> None:
        self._client.cancel_capacity_reservation(CapacityReservationId=reservation_id)

    @translated
    def let_start_anywhere(self, instance_id: str) -> None:
        """Have a stopped instance forget the reservation that it was launched into, which has gone.

        Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CancelCapacityReservation.html
        """
        self._client.modify_instance_capacity_reservation_attributes(
            InstanceId=instance_id, CapacityReservationSpecification={"CapacityReservationPreference": "open"}
        )

    @translated
    def start(self, instance_id: str) -> None:
        """Call StartInstances."""
        self._ask("start_instances", InstanceIds=[instance_id])

    def _ask(self, operation: str, **arguments: Any) -> Any:
        """Make a call once, unless EC2 throttles it."""
        from botocore.exceptions import ClientError

        try:
            return getattr(self._once, operation)(**arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in THROTTLED:
                raise
            return getattr(self._client, operation)(**arguments)
