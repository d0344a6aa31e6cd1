"""Spot requests of instances that RunInstances launched, and what each state of an instance makes of them.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instances-request-status-lifecycle.html
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.ec2.utils import random_spot_request_id

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST_SHARE: Final = 0.4
_CHEAPEST: Final = "b"
SPOT_REQUEST: Final = "spot-instances-request"
"""EC2's word for a request as something that has tags."""
INTERRUPTED: Final = ("Server.SpotInstanceStop", "Spot instance stopped")
"""StateReason of a machine that EC2 took back. Source: EC2's API reference, StateReason."""
NO_CAPACITY: Final = "instance-stopped-no-capacity"
PERSISTENT: Final = "persistent"
_WORDS: Final = {
    "fulfilled": "Your spot request is fulfilled.",
    NO_CAPACITY: "Your Spot instance was stopped due to EC2 capacity management needs.",
    "instance-stopped-by-user": "Your Spot instance was stopped by the user.",
}


def share_of_on_demand(zone: str) -> float:
    """Return a spot price's share of the on-demand price: made up, in the order of what AWS asks.

    It grows from zone to zone, from the second one on; the first one is the dearest.
    """
    return _LEAST_SHARE + 0.02 * ((ord(zone[-1]) - ord(_CHEAPEST)) % 6)


class LaunchedRequest(SpotInstanceRequest):  # type: ignore[misc] # moto has no types
    """The request behind a spot instance; it is fulfilled from the start.

    Args:
        instance: moto's instance.
        options: SpotOptions of the launch.
        tags: The request's own.
        again: Launches the same once more and gives it to this request: what a persistent one does.
    """

    state: str

    def __init__(
        self,
        instance: Any,
        options: dict[str, Any],
        tags: dict[str, str],
        again: Callable[[LaunchedRequest], Any],
    ) -> None:
        self._launched = instance
        self._made = self._updated = datetime.now(UTC)
        self.again = again
        self.lock = threading.Lock()
        """Held while it launches or is cancelled: never both."""
        self.since = time.monotonic()
        """When its state last changed."""
        self.warned: float | None = None
        """When its machine was told that it will be interrupted."""
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

    @property
    def code(self) -> str:
        """Its status code."""
        return str(self._status_code)

    @property
    def status(self) -> dict[str, Any]:
        """Its status as DescribeSpotInstanceRequests tells it."""
        return {"Code": self.code, "Message": _WORDS.get(self.code, ""), "UpdateTime": self._updated}

    def settle(self, state: str, code: str) -> None:
        """Take a state and a status code; a cancelled request keeps its state."""
        if self.state != "cancelled":
            self.state = state
        self._status_code = code
        self._updated, self.since = datetime.now(UTC), time.monotonic()


def record(
    instance: Any, market: dict[str, Any], tags: dict[str, str], again: Callable[[LaunchedRequest], Any]
) -> None:
    """Keep the request of a spot instance that was launched."""
    request = LaunchedRequest(instance, market.get("SpotOptions") or {}, tags, again)
    instance.ec2_backend.spot_instance_requests[request.id] = request
    adopt(request, instance)


def adopt(request: LaunchedRequest, instance: Any) -> None:
    """Have a request stand behind an instance."""
    request.instance = instance
    request.settle("active", "fulfilled")
    instance.lifecycle = "spot"
    instance.spot_instance_request_id = request.id


def follow(instance: Any) -> None:
    """Have the request follow its instance's new state."""
    request = request_of(instance)
    if request is None or request.instance is not instance:
        return
    by_user = (getattr(instance.state_reason, "code", "") or "") != INTERRUPTED[0]
    match instance.state:
        case "running":
            request.warned = None
            request.settle("active", "fulfilled")
        case "pending" if request.state == "disabled":
            request.settle("open", "pending-evaluation")
        case "stopping":
            request.settle("active", "marked-for-stop")
        case "stopped":
            request.settle("disabled", "instance-stopped-by-user" if by_user else NO_CAPACITY)
        case "shutting-down" if request.type != PERSISTENT:
            request.settle("closed", "instance-terminated-by-user")
        case "terminated" if request.type == PERSISTENT and request.state != "cancelled":
            # It outlives its machine, and wants another one.
            request.settle("open", "pending-evaluation")


def check_stop(instance: Any) -> None:
    """Refuse to stop a machine whose request cannot bring it back.

    Raises:
        EC2ClientError: Its request is for one time, or cancelled.
    """
    request = request_of(instance)
    if request is not None and (request.type != PERSISTENT or request.state == "cancelled"):
        kind = "cancelled" if request.state == "cancelled" else "one-time"
        raise EC2ClientError(
            "UnsupportedOperation",
            f"You can't stop the Spot Instance '{instance.id}' because it is associated with a {kind} Spot"
            " Instance request. You can only stop Spot Instances associated with persistent Spot Instance"
            " requests.",
        )


def check_start(instance: Any) -> None:
    """Refuse to start a machine that EC2 took back, or is just stopping: it starts that one itself.

    Raises:
        EC2ClientError: It is one.
    """
    request = request_of(instance)
    stopped_by_user = request is None or (request.state, request.code) == (
        "disabled",
        "instance-stopped-by-user",
    )
    if instance.state == "stopped" and not stopped_by_user:
        raise EC2ClientError(
            "IncorrectSpotRequestState",
            f"You can't start the Spot Instance '{instance.id}' because the associated Spot Instance request"
            " is not in an appropriate state to support start.",
        )


def check_type_stays(instance: Any) -> None:
    """Refuse another type for a spot machine.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-request.html

    Raises:
        EC2ClientError: It is one.
    """
    if request_of(instance) is not None:
        raise EC2ClientError(
            "UnsupportedOperation", "The instance type of a Spot Instance cannot be modified."
        )


def cancel(request: Any) -> bool:
    """Cancel a request; return whether its stopped instance goes with it."""
    with request.lock:
        if request.state not in {"open", "active", "disabled"}:
            return False
        state = request.instance.state
        running = state in {"pending", "running"}
        code = "request-canceled-and-instance-running" if running else "canceled-before-fulfillment"
        request.settle("cancelled", code)
        return bool(state in {"stopping", "stopped"})


def request_of(instance: Any) -> Any:
    """Return the request behind an instance, or None."""
    name = getattr(instance, "spot_instance_request_id", None)
    return instance.ec2_backend.spot_instance_requests.get(name)
