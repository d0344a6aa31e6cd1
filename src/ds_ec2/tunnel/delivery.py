"""What makes the channel reliable, without a socket: numbers, unacknowledged messages, round trips.

These objects outlive a websocket: a resumed session goes on with them on a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ds_ec2.tunnel.codec import INPUT, Message, encode

_CLOCK_GRAIN_S: Final = 0.010
_MAX_TIMEOUT_S: Final = 1.0
GIVE_UP_AFTER: Final = 3000
"""Attempts for one message, as in the plugin: five minutes and more of silence."""
_REORDER_LIMIT: Final = 10_000
"""Messages held for their turn; one beyond is not acknowledged, so that it comes again."""


class RoundTrip:
    """The estimate of a round trip, and the time after which a message counts as lost.

    Source: session-manager-plugin, src/datachannel/streaming.go (CalculateRetransmissionTimeout).
    """

    __slots__ = ("smoothed_s", "timeout_s", "variation_s")

    def __init__(self) -> None:
        self.smoothed_s = 0.100
        self.variation_s = 0.0
        self.timeout_s = 0.200

    def sample(self, seconds: float) -> None:
        """Take one measured round trip."""
        self.variation_s = 0.75 * self.variation_s + 0.25 * abs(self.smoothed_s - seconds)
        self.smoothed_s = 0.875 * self.smoothed_s + 0.125 * seconds
        self.timeout_s = min(_MAX_TIMEOUT_S, self.smoothed_s + max(_CLOCK_GRAIN_S, 4 * self.variation_s))


@dataclass(slots=True)
class _Unacknowledged:
    frame: bytes
    size: int
    first_sent: float
    last_sent: float
    attempts: int = 1


class Sender:
    """Numbers outgoing stream messages and keeps each until it is acknowledged.

    Args:
        window: Bytes of payload that may be unacknowledged. The plugin keeps the newest 10,000 messages and
            drops the oldest silently; here a sender waits instead.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.unacknowledged_bytes = 0
        self.round_trip = RoundTrip()
        self._next = 0
        self._unacknowledged: dict[int, _Unacknowledged] = {}

    @property
    def has_room(self) -> bool:
        """Whether another message may be sent now."""
        return self.unacknowledged_bytes < self.window

    @property
    def idle(self) -> bool:
        """Whether everything is acknowledged."""
        return not self._unacknowledged

    def add(self, payload_type: int, payload: bytes, now: float) -> bytes:
        """Number a message, remember it, and return its bytes."""
        frame = encode(Message(INPUT, self._next, payload_type, payload))
        # An empty message counts too: the window is what bounds their number.
        size = max(len(payload), 1)
        self._unacknowledged[self._next] = _Unacknowledged(frame, size, now, now)
        self.unacknowledged_bytes += size
        self._next += 1
        return frame

    def acknowledge(self, sequence: int, now: float) -> None:
        """Forget a message that arrived; an unknown number is a second acknowledgement."""
        entry = self._unacknowledged.pop(sequence, None)
        if entry is None:
            return
        self.unacknowledged_bytes -= entry.size
        # From the first sending on: after a loss this is too long, which is safe, and never too short.
        self.round_trip.sample(now - entry.first_sent)

    def overdue(self, now: float) -> bytes | None:
        """Return the oldest message if it counts as lost, to be sent again.

        Raises:
            TimeoutError: It was sent 3,000 times.
        """
        entry = next(iter(self._unacknowledged.values()), None)
        if entry is None or now - entry.last_sent < self.round_trip.timeout_s:
            return None
        if entry.attempts >= GIVE_UP_AFTER:
            raise TimeoutError("the other side acknowledges nothing")
        entry.attempts += 1
        entry.last_sent = now
        return entry.frame

    def pending(self) -> list[bytes]:
        """Return every unacknowledged message in order: what a new websocket begins with."""
        return [entry.frame for entry in self._unacknowledged.values()]


class Receiver:
    """Brings incoming stream messages into order, each once."""

    def __init__(self) -> None:
        self._expected = 0
        self._early: dict[int, Message] = {}

    def take(self, message: Message) -> list[Message] | None:
        """Return the messages whose turn has come; None for one that must not be acknowledged.

        A duplicate gives an empty list: it is acknowledged again, since the first acknowledgement got lost.
        """
        if message.sequence < self._expected:
            return []
        if message.sequence > self._expected:
            if len(self._early) >= _REORDER_LIMIT:
                return None
            self._early[message.sequence] = message
            return []
        ready = [message]
        self._expected += 1
        while (following := self._early.pop(self._expected, None)) is not None:
            ready.append(following)
            self._expected += 1
        return ready
