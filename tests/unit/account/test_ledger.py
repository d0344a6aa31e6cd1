"""How long an instance ran, noted by looks at it in any order: never less than the truth, and hardly more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ds_ec2.bill.ledger import read_ledger
from ds_ec2_account.ledger import LEAST, LONGEST, TAG, note

if TYPE_CHECKING:
    from collections.abc import Sequence

T0 = 1_764_150_000.0
NAME = "i-1"


@dataclass(frozen=True)
class Life:
    """One run and the pause after it, in seconds; by the API the time of the stop is told."""

    ran: float
    stopping: float
    pause: float
    by_api: bool
    kind: str = "m7i.large"


@dataclass
class Ec2:
    """An instance whose life is known, and its tag."""

    lives: Sequence[Life]
    tag: str = ""
    written: int = 0

    def times(self, at: int) -> tuple[float, float, float]:
        """Return when run number `at` was launched, went to stop, and was stopped."""
        before = sum(one.ran + one.stopping + one.pause for one in self.lives[:at])
        life = self.lives[at]
        launched = T0 + before
        return launched, launched + life.ran, launched + life.ran + life.stopping

    def view(self, now: float) -> dict[str, Any]:
        at = max(index for index in range(len(self.lives)) if self.times(index)[0] <= now)
        launched, stopping, stopped = self.times(at)
        life = self.lives[at]
        state = "running" if now < stopping else "stopping" if now < stopped else "stopped"
        told = life.by_api and now >= stopping
        kind, _, market = life.kind.partition("/")
        return {
            "InstanceId": NAME,
            "InstanceType": kind,
            "InstanceLifecycle": market or "scheduled",
            "State": {"Name": state},
            "LaunchTime": datetime.fromtimestamp(int(launched), UTC),
            "StateTransitionReason": f"User initiated ({moment(stopping)} GMT)" if told else "",
            "Tags": [{"Key": TAG, "Value": self.tag}] if self.tag else [{"Key": "ds-ec2:part", "Value": "x"}],
        }

    def create_tags(self, Resources: list[str], Tags: list[dict[str, str]]) -> None:  # noqa: N803 - AWS's names
        assert Resources == [NAME]
        (one,) = Tags
        assert one["Key"] == TAG
        assert len(one["Value"]) <= LONGEST
        self.tag = one["Value"]
        self.written += 1

    def look(self, now: float, event: dict[str, Any] | None = None) -> None:
        note(self, [self.view(now)], event or {}, datetime.fromtimestamp(now, UTC))

    def deliver(self, at: int, state: str, now: float) -> None:
        """Let the event of a run come at some time after it happened."""
        when = self.times(at)[("running", "stopping", "stopped").index(state)]
        told = f"{moment(when).replace(' ', 'T')}Z"
        self.look(now, {"time": told, "detail": {"instance-id": NAME, "state": state}})

    @property
    def seconds(self) -> int:
        """What the tag says of runs that are over."""
        ledger = read_ledger(self.tag)
        apart = [(one.launched_at, one.ended_at) for one in ledger.runs]
        return sum(seconds for _, seconds in ledger.sums) + sum(
            max(LEAST, round((end - start).total_seconds())) for start, end in apart if end
        )


def moment(when: float) -> str:
    """Return a time as EC2 writes it: whole seconds, rounded down."""
    return f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S}"


LIVES = st.lists(
    st.builds(
        Life,
        ran=st.floats(5, 1e6),
        stopping=st.floats(0, 90),
        pause=st.floats(5, 1e6),
        by_api=st.booleans(),
        kind=st.sampled_from(["m7i.large", "m7i.large/spot", "g6.xlarge"]),
    ),
    min_size=1,
    max_size=5,
)


def looks(ec2: Ec2, data: st.DataObject) -> list[tuple[float, int, str]]:
    """Draw when the events come, the earliest first: each once or more, and late by one start at most."""
    found = []
    for at in range(len(ec2.lives)):
        launched, stopping, stopped = ec2.times(at)
        latest = ec2.times(at + 1)[2] if at + 1 < len(ec2.lives) else stopped + 1e6
        # Somebody looks while this run is the last one.
        own = ec2.times(at + 1)[0] - 1 if at + 1 < len(ec2.lives) else latest
        for state, happened, until in (
            ("running", launched, own),
            ("stopping", stopping, latest),
            ("stopped", stopped, latest),
        ):
            times = data.draw(st.lists(st.floats(happened, until), min_size=1, max_size=3))
            found += [(now, at, state) for now in times]
    return sorted(found)


def noted(lives: Sequence[Life], data: st.DataObject) -> Ec2:
    ec2 = Ec2(lives)
    for now, at, state in looks(ec2, data):
        ec2.deliver(at, state, now)
    return ec2


@settings(deadline=None, max_examples=50)
@given(lives=LIVES, data=st.data())
def test_events_in_any_order_late_and_repeated_give_one_sum(lives: list[Life], data: st.DataObject) -> None:
    first, second = noted(lives, data), noted(lives, data)
    assert first.seconds == second.seconds
    truth = sum(max(LEAST, one.ran) for one in lives)
    assert truth <= first.seconds + 1e-6  # floats of 2026 are good for a microsecond
    assert first.seconds <= truth + 3 * len(lives)


@settings(deadline=None, max_examples=50)
@given(lives=LIVES, data=st.data())
def test_looks_alone_count_never_less_and_at_most_until_the_next_look(
    lives: list[Life], data: st.DataObject
) -> None:
    every = data.draw(st.sampled_from([60, 900]))
    ec2 = Ec2(
        [
            Life(max(every, one.ran % 20_000), one.stopping, one.pause % 20_000 + 5, one.by_api)
            for one in lives
        ]
    )
    end = ec2.times(len(lives) - 1)[2]
    for index in range(int((end - T0) // every) + 2):
        ec2.look(T0 + index * every)
    truth = sum(max(LEAST, one.ran) for one in ec2.lives)
    assert truth <= ec2.seconds + 1e-6 <= truth + len(lives) * (every + 2)


def test_a_repeated_look_writes_nothing() -> None:
    ec2 = Ec2([Life(3600, 30, 600, by_api=True)])
    ec2.deliver(0, "running", T0 + 20)
    assert ec2.tag == f"from={T0:.0f} m7i.large:{T0:.0f}-0"
    ec2.look(T0 + 900)
    assert ec2.written == 1
    ec2.deliver(0, "stopping", T0 + 3601)
    assert ec2.tag == f"from={T0:.0f} m7i.large:{T0:.0f}-{T0 + 3601:.0f}"
    for now in (T0 + 3602, T0 + 9000):
        ec2.deliver(0, "stopped", now)
        ec2.look(now)
    assert ec2.written == 2


def test_a_stop_from_inside_ends_when_its_event_says() -> None:
    ec2 = Ec2([Life(3600, 30, 600, by_api=False)])
    ec2.look(T0 + 5)
    ec2.deliver(0, "stopped", T0 + 3640)
    assert ec2.seconds == 3631
    ec2.deliver(0, "stopping", T0 + 3650)
    assert ec2.seconds == 3601


def test_an_event_of_the_run_before_does_not_end_the_one_under_way() -> None:
    ec2 = Ec2([Life(3600, 2, 3, by_api=False), Life(3600, 30, 600, by_api=False)])
    ec2.look(T0 + 5)
    ec2.look(T0 + 3610)  # it was started again before anybody noticed that it had stopped
    assert ec2.seconds == 3605
    ec2.deliver(0, "stopping", T0 + 3700)
    assert ec2.seconds == 3601
    assert ec2.tag.endswith("-0")


def test_older_runs_become_sums_by_type_and_market() -> None:
    lives = [Life(100, 1, 5, by_api=True, kind=kind) for kind in ("m7i.large", "g6.xlarge/spot") * 2]
    ec2 = Ec2(lives)
    for at in range(4):
        ec2.deliver(at, "running", ec2.times(at)[0])
        ec2.deliver(at, "stopped", ec2.times(at)[2])
    words = ec2.tag.split()
    assert words[1:3] == ["m7i.large=101", "g6.xlarge/spot=101"]
    assert [word.split(":")[0] for word in words[3:]] == ["m7i.large", "g6.xlarge/spot"]
    assert ec2.seconds == 404


def test_a_machine_of_very_many_types_keeps_its_sum_within_a_tag() -> None:
    ec2 = Ec2([Life(1000 + at, 1, 5, by_api=True, kind=f"u7in-{at:02}tb.112xlarge") for at in range(20)])
    for at in range(20):
        ec2.deliver(at, "stopped", ec2.times(at)[2])
    assert "other=" in ec2.tag
    assert ec2.seconds == sum(1001 + at for at in range(20))


def test_an_instance_that_ends_is_left_alone() -> None:
    ec2 = Ec2([Life(100, 1, 5, by_api=True)])
    gone = ec2.view(T0) | {"State": {"Name": "shutting-down"}}
    note(ec2, [gone], {}, datetime.fromtimestamp(T0, UTC))
    assert ec2.written == 0


def test_starts_of_the_model_are_apart() -> None:
    """The tests above would show little if runs ran into each other."""
    ec2 = Ec2([Life(10, 1, 5, by_api=True)] * 3)
    assert all(later - sooner == 16 for sooner, later in pairwise(ec2.times(at)[0] for at in range(3)))
