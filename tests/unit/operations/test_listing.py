"""What machines say of themselves, put beside what EC2 says; the parameters are the test's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.machine import MACHINE

from ds_ec2.aws.ec2 import Instance
from ds_ec2.aws.spot_requests import SpotRequest
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import Interruption, Machine, MachineStatus, Stopped
from ds_ec2.model.offers import Market
from ds_ec2.operations.listing import with_words
from ds_ec2.operations.machines import _stopped
from ds_ec2.operations.spot import SpotWords, with_spot

LAUNCHED = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WORK = replace(
    MACHINE,
    launched_at=LAUNCHED,
)


@dataclass
class Documents:
    """A parameter store with one document for every machine."""

    document: Any

    def values(self, names: tuple[str, ...]) -> dict[str, str]:
        if self.document is None:
            raise DsEc2Error("you may not read parameters")
        return {name: json.dumps(self.document) for name in names}


@dataclass
class Place:
    parameters: Documents


def words(machine: Machine, document: Any) -> Machine:
    account: Any = Place(Documents(document))
    (found,) = with_words(account, [machine])
    return found


def at(minutes: float) -> float:
    return (LAUNCHED + timedelta(minutes=minutes)).timestamp()


def stage(name: str, minutes: float, state: str = "done") -> dict[str, Any]:
    return {"name": name, "state": state, "started_at": at(minutes), "error": ""}


def test_stages_of_an_earlier_start_are_not_told() -> None:
    found = words(WORK, {"stages": [stage("booted", -60), stage("ready", -59)]})
    assert found.stages == ()
    found = words(WORK, {"stages": [stage("booted", 1), stage("jupyter", 2, "running")]})
    assert [one.name for one in found.stages] == ["booted", "jupyter"]


def test_the_limit_in_force_is_the_machines_own() -> None:
    assert words(WORK, {"idle": {"limit_minutes": 90.0}}).idle_minutes == 90
    assert words(WORK, {"idle": {}}).idle_minutes == 60


@pytest.mark.parametrize(
    ("own", "tag", "why"),
    [
        (70, None, "idle for 60 minutes"),
        (None, 80, "no word from it"),
        (70, 80, "no word from it"),
        (90, 80, "idle for 60 minutes"),
        (-10, None, None),  # it was started since, and stopped by somebody
    ],
)
def test_the_latest_reason_of_this_start_counts(
    own: float | None, tag: float | None, why: str | None
) -> None:
    stopped = replace(
        WORK,
        status=MachineStatus.STOPPED,
        stopped=None if tag is None else Stopped("no word from it", LAUNCHED + timedelta(minutes=tag)),
    )
    document = {} if own is None else {"stopped": {"why": "idle for 60 minutes", "at": at(own)}}
    found = words(stopped, document).stopped
    assert (found.why if found else None) == why


def test_a_machine_that_runs_has_not_stopped() -> None:
    assert words(WORK, {"stopped": {"why": "spot", "at": at(5)}}).stopped is None


def test_whoever_may_not_read_parameters_sees_the_machines() -> None:
    assert words(WORK, None) == WORK


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("2026-11-25T14:32:00Z no word from it for 46 minutes", "no word from it for 46 minutes"),
        ("2026-11-25T11:00:00Z of an earlier start", None),
        ("because", None),
        ("", None),
    ],
)
def test_the_accounts_reason_is_a_tag(tag: str, why: str | None) -> None:
    instance = Instance(
        "i-1", "m7i.large", "stopped", "us-east-1a", {"ds-ec2:stopped-because": tag}, launched_at=LAUNCHED
    )
    found = _stopped(instance)
    assert (found.why if found else None) == why


SPOT = replace(WORK, market=Market.SPOT, usd_per_hour=0.8, usd_at_most=True)
TAKEN = SpotRequest(
    "sir-1", "disabled", "instance-stopped-no-capacity", "no room", LAUNCHED + timedelta(minutes=9), "i-1"
)


def test_a_spot_machine_has_the_price_of_its_zone_now() -> None:
    words = SpotWords({"m7i.large": {"us-east-1a": 0.04, "us-east-1b": 0.03}})
    assert with_spot(SPOT, words) == replace(SPOT, usd_per_hour=0.04, usd_at_most=False)
    assert with_spot(SPOT, SpotWords()) == SPOT
    assert with_spot(WORK, words) == WORK


def test_an_interruption_is_ec2s_word_while_the_machine_is_stopped() -> None:
    words = SpotWords(requests={"i-1": TAKEN})
    taken = with_spot(replace(SPOT, status=MachineStatus.STOPPED), words).interruption
    assert taken is not None
    assert (taken.code, taken.at) == (TAKEN.code, TAKEN.updated_at)
    by_user = replace(TAKEN, code="instance-stopped-by-user")
    stopped = replace(SPOT, status=MachineStatus.STOPPED)
    assert with_spot(stopped, SpotWords(requests={"i-1": by_user})).interruption is None
    assert with_spot(SPOT, words).interruption is None


def test_an_interruption_is_the_machines_word_once_it_runs_again() -> None:
    why = "EC2 took the spot machine back (stop)"
    told = {"why": why, "at": at(-30), "interrupted": True}
    found = words(WORK, {"stages": [], "stopped": told})
    assert found.stopped is None
    assert found.interruption == Interruption(why, LAUNCHED - timedelta(minutes=30))
    idle = {"why": "idle for 60 minutes", "at": at(-30)}
    assert words(WORK, {"stages": [], "stopped": idle}).interruption is None
