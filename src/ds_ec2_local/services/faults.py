"""What is to go wrong: set with `POST /_local/faults`, read where it happens."""

from __future__ import annotations

import random
import threading
from typing import Any, Final

KNOWN: Final = {
    "insufficient_capacity": "[{zone, instance_type}]: no such machine there; a member left out matches all",
    "interrupt_spot": "[{zone, instance_type}]: no such spot machine there: those that run are taken back two"
    " minutes later, and brought back when this is over; a member left out matches all",
    "quota": "{quota code: vCPUs}",
    "throttle": "{service, rate}: this share (0 to 1) of its calls is answered with a throttling error",
    "latency_ms": "milliseconds added to each call",
    "agent_delay_s": "seconds from a machine's boot to its agent's connection",
    "agent_hibernates": "true: an agent whose first ping fails sleeps five minutes",
    "signal_never": "true: wait conditions hear nothing",
    "drop_tunnel": "true or 'once': data channels break",
    "deny": "[{action: 'ec2:Run*', principal, by}]; by: missing, statement, boundary, organization",
    "quota_decision": "APPROVED (without this fault), DENIED, ...: what becomes of requests for more quota",
    "fail_action": "{'ec2:RunInstances': [code, status, message]}",
}
"""The members and what they do."""


class UnknownFaultError(ValueError):
    """A fault of that name does not exist."""


class Faults:
    """The faults that are set.

    Args:
        seed: Of the random source that decides which calls are throttled.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._set: dict[str, Any] = {}
        self._random = random.Random(seed)  # noqa: S311 - decides nothing secret

    def update(self, wanted: dict[str, Any]) -> None:
        """Set faults; those not named stay, a null member is taken away.

        Raises:
            UnknownFaultError: A member is not in `KNOWN`.
        """
        if unknown := sorted(set(wanted) - set(KNOWN)):
            raise UnknownFaultError(f"no such fault: {', '.join(unknown)}; there are {', '.join(KNOWN)}")
        with self._lock:
            self._set = {k: v for k, v in (self._set | wanted).items() if v is not None}

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._set = {}

    def all(self) -> dict[str, Any]:
        """Return the faults that are set."""
        with self._lock:
            return dict(self._set)

    def get(self, name: str, default: Any = None) -> Any:
        """Return one fault's value."""
        with self._lock:
            return self._set.get(name, default)

    def take(self, name: str) -> Any:
        """Return one fault's value; `once` is gone afterwards."""
        with self._lock:
            value = self._set.get(name)
            if value == "once":
                del self._set[name]
            return value

    def throttled(self, service: str) -> bool:
        """Return whether this call of `service` is to be throttled."""
        throttle = self.get("throttle")
        if not throttle or throttle.get("service", service) != service:
            return False
        with self._lock:
            return self._random.random() < float(throttle.get("rate", 1.0))

    def no_capacity(self, zone: str, instance_type: str) -> bool:
        """Return whether `instance_type` is sold out in `zone`."""
        return self._short("insufficient_capacity", zone, instance_type)

    def no_spot_capacity(self, zone: str, instance_type: str) -> bool:
        """Return whether EC2 wants its spot machines of `instance_type` in `zone` for itself."""
        return self._short("interrupt_spot", zone, instance_type)

    def _short(self, name: str, zone: str, instance_type: str) -> bool:
        return any(
            short.get("zone", zone) == zone and short.get("instance_type", instance_type) == instance_type
            for short in self.get(name, ())
        )
