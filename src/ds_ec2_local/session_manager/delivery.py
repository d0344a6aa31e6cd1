"""Numbers, acknowledgements and resending: the logic of a reliable stream, without input or output.

Source: src/datachannel of the plugin and agent/session/datachannel of the agent; the same figures in both.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ds_ec2_local.session_manager import wire

RESEND_INTERVAL_S = 0.1
"""How often the oldest message without acknowledgement is looked at."""
RESEND_ATTEMPTS = 3000
"""After so many the session is given up."""
BUFFER_LIMIT = 100_000
"""Messages the agent holds that came early, or wait for their handler."""

FIRST_ROUND_TRIP_S = 0.1
FIRST_TIMEOUT_S = 0.2
LONGEST_TIMEOUT_S = 1.0
CLOCK_GRANULARITY_S = 0.01


class RoundTrip:
    """The resend timeout, learned from round trips as TCP does; all times in seconds."""

    def __init__(self) -> None:
        self.smoothed = FIRST_ROUND_TRIP_S
        self.variation = 0.0
        self.timeout = FIRST_TIMEOUT_S

    def sample(self, seconds: float) -> None:
        """Learn from one round trip."""
        self.variation = 0.75 * self.variation + 0.25 * abs(self.smoothed - seconds)
        self.smoothed = 0.875 * self.smoothed + 0.125 * seconds
        self.timeout = min(LONGEST_TIMEOUT_S, self.smoothed + max(CLOCK_GRANULARITY_S, 4 * self.variation))


@dataclass(slots=True)
class Sent:
    """A message that was sent and is not yet acknowledged."""

    data: bytes
    at: float
    attempts: int = 0


class Outgoing:
    """Messages of the agent: numbered, and kept until they are acknowledged."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = 0
        self._unacknowledged: OrderedDict[int, Sent] = OrderedDict()
        self.round_trip = RoundTrip()

    def __len__(self) -> int:
        return len(self._unacknowledged)

    def number(self, payload_type: int, payload: bytes) -> bytes:
        """Make the next message and keep it; return its bytes."""
        sequence = self._next
        self._next += 1
        flags = wire.FLAGS_DATA if sequence else wire.FLAGS_FIRST
        message = wire.make(
            wire.MessageType.OUTPUT, payload, payload_type=payload_type, sequence=sequence, flags=flags
        )
        data = wire.encode(message)
        self._unacknowledged[sequence] = Sent(data, self._clock())
        return data

    def acknowledged(self, sequence: int) -> None:
        """Forget a message; unknown numbers, acknowledged twice, do no harm."""
        sent = self._unacknowledged.pop(sequence, None)
        if sent is not None:
            self.round_trip.sample(self._clock() - sent.at)

    def overdue(self) -> bytes | None:
        """Return the oldest message if its time is up, and count the attempt.

        Raises:
            TimeoutError: It was sent as often as the agent does.
        """
        if not self._unacknowledged:
            return None
        sent = next(iter(self._unacknowledged.values()))
        now = self._clock()
        if now - sent.at <= self.round_trip.timeout:
            return None
        if sent.attempts >= RESEND_ATTEMPTS:
            raise TimeoutError("the client acknowledges nothing")
        sent.attempts += 1
        sent.at = now
        return sent.data

    def all_again(self) -> list[bytes]:
        """Return every message without acknowledgement, in order, for a client that came back."""
        now = self._clock()
        for sent in self._unacknowledged.values():
            sent.at = now
        return [sent.data for sent in self._unacknowledged.values()]


class Incoming:
    """Messages of the client, in order: acknowledged when early, or when taken; again when old."""

    def __init__(self) -> None:
        self._held: dict[int, wire.Message] = {}
        self._acknowledged: set[int] = set()
        self._next_taken = 0
        self._next_missing = 0

    @property
    def ready(self) -> bool:
        """Whether the next message in order is here."""
        return self._next_taken < self._next_missing

    def arrived(self, message: wire.Message) -> bool:
        """Keep a message; return whether it is to be acknowledged now.

        One in order is not: its handler may not be ready, and an acknowledgement must mean that it was
        taken. That is what holds a client back; it sends again meanwhile.
        """
        number = message.sequence
        if number < self._next_taken:
            return True
        if number not in self._held:
            if len(self._held) >= BUFFER_LIMIT:
                return False
            self._held[number] = message
            if number > self._next_missing:
                self._acknowledged.add(number)
            while self._next_missing in self._held:
                self._next_missing += 1
        return number in self._acknowledged

    def take(self) -> tuple[wire.Message, bool]:
        """Return the next message in order, and whether it still has to be acknowledged.

        Raises:
            LookupError: It is not here.
        """
        number = self._next_taken
        message = self._held.pop(number)
        self._next_taken += 1
        acknowledge = number not in self._acknowledged
        self._acknowledged.discard(number)
        return message, acknowledge
