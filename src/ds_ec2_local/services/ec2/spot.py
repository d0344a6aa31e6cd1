"""Spot requests of instances that RunInstances launched, and spot prices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.ec2.utils import random_spot_request_id

SHARE_OF_ON_DEMAND: Final = 0.4
"""A spot price here is this share of the on-demand price: made up, in the order of what AWS asks."""

SPOT_REQUEST: Final = "spot-instances-request"
"""EC2's word for a request as something that has tags."""


class LaunchedRequest(SpotInstanceRequest):  # type: ignore[misc] # moto has no types
    """The request behind a spot instance; it is fulfilled from the start.

    Args:
        instance: moto's instance.
        options: SpotOptions of the launch.
        tags: The request's own.
    """

    def __init__(self, instance: Any, options: dict[str, Any], tags: dict[str, str]) -> None:
        self._launched = instance
        self._made = datetime.now(UTC)
        super().__init__(
            instance.ec2_backend,
            random_spot_request_id(),
            price=options.get("MaxPrice") or "",
            image_id=instance.image_id,
            spot_instance_type=options.get("SpotInstanceType") or "one-time",
            valid_from=None,
            valid_until=None,
            launch_group=None,
            availability_zone_group=None,
            key_name=instance.key_name,
            security_groups=[],
            user_data=None,
            instance_type=instance.instance_type,
            placement=instance.availability_zone,
            kernel_id=None,
            ramdisk_id=None,
            monitoring_enabled=False,
            subnet_id=instance.subnet_id,
            tags={SPOT_REQUEST: tags},
            spot_fleet_id=None,
            instance_interruption_behaviour=options.get("InstanceInterruptionBehavior"),
        )

    def launch_instance(self) -> Any:
        """Return the instance that runs already."""
        return self._launched

    @property
    def create_time(self) -> datetime:
        """When it was made."""
        return self._made


def record(instance: Any, market: dict[str, Any], tags: dict[str, str]) -> None:
    """Keep the request of a spot instance that was launched."""
    request = LaunchedRequest(instance, market.get("SpotOptions") or {}, tags)
    instance.ec2_backend.spot_instance_requests[request.id] = request
    instance.lifecycle = "spot"
    instance.spot_instance_request_id = request.id


def check_stop(instance: Any) -> None:
    """Refuse to stop a machine of a one-time request.

    Raises:
        EC2ClientError: It is one.
    """
    request = _of(instance)
    if request is not None and request.type == "one-time":
        raise EC2ClientError(
            "UnsupportedOperation",
            f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot"
            " Instance request. You can only stop Spot Instances associated with persistent Spot Instance"
            " requests.",
        )


def close(instance: Any) -> None:
    """End the one-time request of a machine that is terminated; a persistent one stays until cancelled."""
    request = _of(instance)
    if request is not None and request.type == "one-time":
        request.state = "closed"
        request._status_code = "instance-terminated-by-user"  # noqa: SLF001 - moto has no setter


def _of(instance: Any) -> Any:
    name = getattr(instance, "spot_instance_request_id", None)
    return instance.ec2_backend.spot_instance_requests.get(name)
