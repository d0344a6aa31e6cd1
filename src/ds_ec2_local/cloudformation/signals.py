"""Signals that a stack waits for: wait conditions, creation policies, answers of custom resources."""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation.errors import ResourceCancelled, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

PATH: Final = "/_local/cloudformation/signal/"
"""Where a wait condition handle is put to, below the server's address."""
LARGEST_DATA: Final = 4_096
"""Bytes of a signal's Data. Source: user guide of wait conditions."""
_LOOK_S: Final = 0.2
"""Seconds after which a waiting thread looks whether the operation was cancelled."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal.

    Args:
        unique_id: Of its sender; the second with the same id does not count.
        succeeded: SUCCESS or FAILURE.
        reason: The sender's.
        data: The sender's; for a custom resource the whole answer.
    """

    unique_id: str
    succeeded: bool
    reason: str = ""
    data: Any = ""


@dataclass(slots=True)
class Mailbox:
    """Where signals arrive."""

    arrived: dict[str, Signal] = field(default_factory=dict)
    condition: threading.Condition = field(default_factory=threading.Condition)

    def put(self, signal: Signal) -> None:
        """Keep a signal and wake who waits."""
        with self.condition:
            self.arrived.setdefault(signal.unique_id, signal)
            self.condition.notify_all()

    def wait(
        self,
        count: int,
        timeout_s: float,
        cancel: threading.Event,
        seen: Callable[[Signal], None] = lambda _signal: None,
    ) -> list[Signal]:
        """Return the signals that came: `count` of them, fewer after the timeout, or up to the first failure.

        Args:
            count: How many are waited for.
            timeout_s: Seconds.
            cancel: Ends the wait.
            seen: Called once for each signal.

        Raises:
            ResourceCancelled: `cancel` was set.
        """
        deadline = time.monotonic() + timeout_s
        told = 0
        with self.condition:
            while True:
                signals = list(self.arrived.values())
                for signal in signals[told:]:
                    seen(signal)
                told = len(signals)
                done = len(signals) >= count or any(not signal.succeeded for signal in signals)
                if done or time.monotonic() >= deadline:
                    return signals
                if cancel.is_set():
                    raise ResourceCancelled
                self.condition.wait(min(_LOOK_S, max(deadline - time.monotonic(), 0)))


class Signals:
    """All mailboxes of the server.

    Args:
        base_url: Where senders reach the server.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._handles: dict[str, Mailbox] = {}
        self._resources: dict[tuple[str, str], Mailbox] = {}
        self._lock = threading.Lock()

    def open(self) -> str:
        """Make a handle and return its address, which nobody can guess."""
        opaque = secrets.token_urlsafe(32)
        with self._lock:
            self._handles[opaque] = Mailbox()
        return f"{self._base_url}{PATH}{opaque}"

    def at(self, url: str) -> Mailbox:
        """Return the mailbox of a handle's address.

        Raises:
            KeyError: It is no handle of this server.
        """
        return self._handles[url.partition(PATH)[2].partition("?")[0]]

    def close(self, url: str) -> None:
        """Forget a handle."""
        with self._lock:
            self._handles.pop(url.partition(PATH)[2], None)

    def of_resource(self, stack_id: str, logical_id: str) -> Mailbox:
        """Return the mailbox of a resource with a creation policy."""
        with self._lock:
            return self._resources.setdefault((stack_id, logical_id), Mailbox())

    def forget_resource(self, stack_id: str, logical_id: str) -> None:
        """Drop the signals of an earlier creation."""
        with self._lock:
            self._resources.pop((stack_id, logical_id), None)


def read(body: bytes) -> Signal:
    """Return the signal in a PUT body: cfn-signal's, or a custom resource's answer.

    Raises:
        ValidationError: It is neither.
    """
    try:
        document = json.loads(body)
        status = document["Status"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValidationError("a signal is a JSON object with Status, UniqueId, Reason and Data") from error
    if status not in {"SUCCESS", "FAILURE", "FAILED"}:
        raise ValidationError("Status must be SUCCESS or FAILURE")
    if "RequestId" in document:
        return Signal(
            str(document["RequestId"]), status == "SUCCESS", str(document.get("Reason", "")), document
        )
    data = document.get("Data", "")
    if len(str(data).encode()) > LARGEST_DATA:
        raise ValidationError(f"Data is longer than {LARGEST_DATA} bytes")
    unique_id = document.get("UniqueId")
    if not unique_id:
        raise ValidationError("UniqueId is missing")
    return Signal(str(unique_id), status == "SUCCESS", str(document.get("Reason", "")), data)
