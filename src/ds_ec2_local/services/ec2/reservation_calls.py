"""EC2's calls for capacity reservations, which moto does not have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from ds_ec2_local.services.ec2.reservations import Reservation, retarget


class ReservationCalls(EC2BaseResponse):  # type: ignore[misc] # moto has no types
    """Answers them."""

    def create_capacity_reservation(self) -> ActionResult:
        """Hold capacity, or say at once that there is none."""
        backend: Any = self.ec2_backend
        token = self._get_param("ClientToken") or ""
        if known := backend.capacity_held.of_token(token):
            return ActionResult({"CapacityReservation": known.told()})
        self.error_on_dryrun()
        made = Reservation(
            instance_type=self._get_param("InstanceType"),
            zone=self._get_param("AvailabilityZone"),
            count=int(self._get_param("InstanceCount")),
            end=self._end(),
            tags=self._parse_tag_specification().get("capacity-reservation", {}),
            criteria=self._get_param("InstanceMatchCriteria") or "open",
            owner=self.current_account,
            region=self.region,
            token=token,
        )
        backend.reserve(made)
        return ActionResult({"CapacityReservation": made.told()})

    def _end(self) -> datetime | None:
        """Return EndDate in UTC, without a zone, as moto keeps times.

        Raises:
            EC2ClientError: EndDateType and EndDate do not fit.
        """
        end = self._get_param("EndDate")
        if (self._get_param("EndDateType") == "limited") != (end is not None):
            raise EC2ClientError("InvalidParameterCombination", "EndDate goes with EndDateType limited")
        if end is None:
            return None
        at = end if isinstance(end, datetime) else datetime.fromisoformat(str(end))
        at = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
        if at <= datetime.now(UTC).replace(tzinfo=None):
            raise EC2ClientError("InvalidParameterValue", "EndDate must be in the future")
        return at

    def describe_capacity_reservations(self) -> ActionResult:
        """Return reservations; those that ended are remembered."""
        found = self.ec2_backend.capacity_held.matching(
            self._get_param("CapacityReservationIds", []), self._filters_from_querystring()
        )
        return ActionResult({"CapacityReservations": [one.told() for one in found]})

    def cancel_capacity_reservation(self) -> ActionResult:
        """Release what is held; instances in it run on."""
        self.error_on_dryrun()
        self.ec2_backend.capacity_held.find(self._get_param("CapacityReservationId")).cancelled = True
        return ActionResult({"Return": True})

    def modify_instance_capacity_reservation_attributes(self) -> ActionResult:
        """Say in which reservation a stopped instance is to start."""
        self.error_on_dryrun()
        wanted = self._get_param("CapacityReservationSpecification") or {}
        retarget(self.ec2_backend.get_instance(self._get_param("InstanceId")), wanted)
        return ActionResult({"Return": True})
