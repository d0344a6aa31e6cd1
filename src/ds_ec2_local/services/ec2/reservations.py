"""Capacity reservations: capacity of one type in one zone, held until it is cancelled or its end has come.

Only targeted ones hold anything here: an instance takes a place in the one that its launch names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError

from ds_ec2_local.services.parts import current

LAG: Final = timedelta(hours=1)
"""A limited reservation ends within an hour after its end: here as late as it may. Source: API reference."""
OPEN: Final = {"CapacityReservationPreference": "open"}
"""What a launch asks for that says nothing of reservations. Source: API reference."""
_UP: Final = frozenset({"pending", "running", "stopping"})
"""States of an instance that takes a place."""
_FILTERS: Final = {
    "state": "State", "instance-type": "InstanceType", "availability-zone": "AvailabilityZone",
    "end-date-type": "EndDateType", "instance-match-criteria": "InstanceMatchCriteria",
}  # fmt: skip


@dataclass(slots=True)
class Reservation:
    """One capacity reservation.

    Args:
        instance_type: What it holds.
        zone: Where.
        count: How many instances.
        end: EndDate, or None.
        tags: Its tags.
        criteria: InstanceMatchCriteria.
        owner: Account id.
        region: Its region.
        token: ClientToken of the call that made it.
    """

    instance_type: str
    zone: str
    count: int
    end: datetime | None
    tags: dict[str, str]
    criteria: str
    owner: str
    region: str
    token: str = ""
    cancelled: bool = False
    id: str = field(default_factory=lambda: "cr-0" + uuid4().hex[:16])
    made: datetime = field(default_factory=utcnow)
    instances: list[Any] = field(default_factory=list)

    @property
    def lifecycle(self) -> str:
        """The market whose quota it counts towards."""
        return "on-demand"

    @property
    def state(self) -> str:
        """EC2's word."""
        if self.cancelled:
            return "cancelled"
        lag = LAG / current().clock_scale
        return "expired" if self.end and utcnow() >= self.end + lag else "active"

    @property
    def free(self) -> int:
        """Places that no instance has."""
        if self.state != "active":
            return 0
        return self.count - sum(one.state in _UP for one in self.instances)

    def told(self) -> dict[str, Any]:
        """Return what DescribeCapacityReservations says of it."""
        arn = f"arn:aws:ec2:{self.region}:{self.owner}:capacity-reservation/{self.id}"
        return {
            "CapacityReservationId": self.id,
            "CapacityReservationArn": arn,
            "OwnerId": self.owner,
            "InstanceType": self.instance_type,
            "InstancePlatform": "Linux/UNIX",
            "AvailabilityZone": self.zone,
            "Tenancy": "default",
            "TotalInstanceCount": self.count,
            "AvailableInstanceCount": self.free,
            "EbsOptimized": False,
            "EphemeralStorage": False,
            "State": self.state,
            "StartDate": self.made,
            "CreateDate": self.made,
            "EndDate": self.end,
            "EndDateType": "limited" if self.end else "unlimited",
            "InstanceMatchCriteria": self.criteria,
            "ReservationType": "default",
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
        }


class Reservations:
    """The reservations of one region."""

    def __init__(self) -> None:
        self._all: dict[str, Reservation] = {}

    def add(self, made: Reservation) -> None:
        """Keep a new one."""
        self._all[made.id] = made

    def of_token(self, token: str) -> Reservation | None:
        """Return the one that a call of this token made."""
        return next((one for one in self._all.values() if token and one.token == token), None)

    def find(self, reservation_id: str) -> Reservation:
        """Return one.

        Raises:
            EC2ClientError: There is none of that id.
        """
        if found := self._all.get(reservation_id):
            return found
        raise EC2ClientError(
            "InvalidCapacityReservationId.NotFound",
            f"The capacity reservation '{reservation_id}' does not exist",
        )

    def matching(self, ids: list[str], filters: dict[str, list[str]]) -> list[Reservation]:
        """Return those of these ids, or all, that pass all filters."""
        found = [self.find(one) for one in ids] if ids else list(self._all.values())
        return [one for one in found if all(_passes(one, *each) for each in filters.items())]

    def held(self) -> list[Reservation]:
        """Return those with free places: they count towards quotas."""
        return [one for one in self._all.values() if one.free]

    def target(self, specification: dict[str, Any], instance_type: str, zone: str) -> Reservation | None:
        """Return the reservation that a launch names, with a free place; None where it names none.

        Raises:
            EC2ClientError: It has ended, is full, or of another type or zone.
        """
        wanted = (specification.get("CapacityReservationTarget") or {}).get("CapacityReservationId")
        if not wanted:
            return None
        found = self.find(wanted)
        if found.free > 0 and (found.instance_type, found.zone) == (instance_type, zone):
            return found
        raise EC2ClientError(
            "ReservationCapacityExceeded",
            "The requested reservation does not have sufficient compatible and available capacity for this"
            " request.",
        )

    def tag(self, reservation_id: str, tags: dict[str, str]) -> bool:
        """Tag one; return whether there is one of that id."""
        found = self._all.get(reservation_id)
        if found:
            found.tags |= tags
        return found is not None


def place(instance: Any, targeting: dict[str, Any], held: Reservation | None) -> None:
    """Note what an instance's launch asked for, and give it a place in what is held."""
    instance.capacity_reservation_specification = targeting
    instance.capacity_reservation_id = held.id if held else None
    if held and instance not in held.instances:
        held.instances.append(instance)


def retarget(instance: Any, specification: dict[str, Any]) -> None:
    """Say in which reservation a stopped instance is to start.

    Raises:
        EC2ClientError: It is not stopped.
    """
    if instance.state != "stopped":
        raise EC2ClientError(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
        )
    instance.capacity_reservation_specification = specification or OPEN


def _passes(one: Reservation, name: str, values: list[str]) -> bool:
    if name.startswith("tag:"):
        return one.tags.get(name.removeprefix("tag:")) in values
    if name == "tag-key":
        return any(value in one.tags for value in values)
    if name not in _FILTERS:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return one.told()[_FILTERS[name]] in values
