"""What EC2 does by itself on the spot market: takes machines back, starts them again, launches others.

It looks again and again at what is there: nothing is remembered but what the requests hold.
"""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.instances.errors import SandboxError

if TYPE_CHECKING:
    from ds_ec2_local.services.faults import Faults
    from ds_ec2_local.services.machines import Machines

NOTICE_S: Final = 120.0
"""Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""
ANOTHER_S: Final = 20.0
"""From the end of a machine until its persistent request launches another one: made up."""
_LOOK_EVERY_S: Final = 0.25


class SpotMarket:
    """The spot market of all regions.

    Args:
        faults: `interrupt_spot` says which machines are taken back.
        machines: Runs the instances.
        clock_scale: Seconds that pass here in one second.
    """

    def __init__(self, faults: Faults, machines: Machines, clock_scale: float = 1.0) -> None:
        self._faults = faults
        self._machines = machines
        self._scale = clock_scale
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look_forever, name="spot market", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()

    def _look_forever(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            for instance in self._machines.all():
                self._look(instance)

    def _look(self, instance: Any) -> None:
        from ds_ec2_local.services.ec2 import spot

        request = spot.request_of(instance)
        if request is None or request.instance is not instance:
            return
        gone = self._faults.no_spot_capacity(instance.availability_zone, instance.instance_type)
        if gone and instance.state == "running":
            self._take_back(request)
        elif gone:
            return
        elif (instance.state, request.state, request.code) == ("stopped", "disabled", spot.NO_CAPACITY):
            instance.ec2_backend.bring_back(instance)
        elif (instance.state, request.state) == ("terminated", "open") and self._passed(
            request.since, ANOTHER_S
        ):
            self._launch_another(request)

    def _take_back(self, request: Any) -> None:
        """Tell the machine, and two minutes later stop it; that of a one-time request ends."""
        from ds_ec2_local.services.ec2 import spot

        instance, stops = request.instance, request.type == spot.PERSISTENT
        if request.warned is None:
            request.warned = time.monotonic()
            at = datetime.now(UTC) + timedelta(seconds=NOTICE_S / self._scale)
            with contextlib.suppress(SandboxError):  # it ended a moment ago
                self._machines.sandboxes.set_spot_action(
                    instance.id, "stop" if stops else "terminate", f"{at:%Y-%m-%dT%H:%M:%SZ}"
                )
        elif self._passed(request.warned, NOTICE_S):
            end = self._machines.stop if stops else self._machines.terminate
            end(instance, spot.INTERRUPTED)

    def _launch_another(self, request: Any) -> None:
        from moto.core.exceptions import ServiceException

        from ds_ec2_local.services.failures import AwsError

        with request.lock:
            if request.state != "open":
                return
            try:
                request.again(request)
            except (ServiceException, AwsError):  # its subnet is gone, say
                request.settle("failed", "bad-parameters")

    def _passed(self, since: float, seconds: float) -> bool:
        return time.monotonic() - since >= seconds / self._scale
