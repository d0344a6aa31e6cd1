"""Stages become steps; the clock is the test's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.steps import StepState
from ds_ec2.operations import bootstrap
from ds_ec2.operations.bootstrap import JUPYTER, READY, follow_boot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.model.steps import Step


@dataclass
class Documents:
    """A parameter store that holds one document after the other; the last one stays."""

    texts: list[str]

    def get(self, name: str) -> str | None:
        assert name == "/ds-ec2/ds-ec2-ana-work/status"
        return self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]


@dataclass
class Place:
    """What `follow_boot` needs of an account."""

    parameters: Documents
    poll_s: float = 1.0
    flags: str = " --local"


@dataclass
class Clock:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(bootstrap, "time", clock)
    return clock


def document(boot: str = "b1", **states: str) -> str:
    stages = [
        {"name": name, "state": state, "started_at": 1.0, "error": "no such package" * (state == "failed")}
        for name, state in states.items()
    ]
    return json.dumps({"boot": boot, "stages": stages})


def follow(*texts: str, **options: Any) -> Iterator[Step]:
    place: Any = Place(Documents(list(texts)))
    return follow_boot(place, "ds-ec2-ana-work", "work", **options)


def told(steps: Iterator[Step]) -> list[tuple[str, StepState]]:
    return [(step.key, step.state) for step in steps]


def test_each_change_of_a_stage_is_one_step() -> None:
    steps = follow(
        "{}",
        document(booted="running"),
        document(booted="running"),
        document(booted="done", jupyter="running"),
        document(booted="done", jupyter="done", environment="running"),
    )
    assert told(steps) == [
        ("stage:booted", StepState.RUNNING),
        ("stage:booted", StepState.DONE),
        ("stage:jupyter", StepState.RUNNING),
        ("stage:jupyter", StepState.DONE),
        ("stage:environment", StepState.RUNNING),
    ]


def test_it_waits_for_the_packages_where_that_is_asked() -> None:
    early = document(jupyter="done", environment="running")
    late = document(jupyter="done", environment="done", ready="done")
    assert told(follow(early, late, until=READY))[-1] == ("stage:ready", StepState.DONE)


def test_a_failed_package_is_told_with_the_resolvers_words() -> None:
    steps = follow(document(jupyter="done", environment="failed"), until=READY)
    with pytest.raises(DsEc2Error, match="packages failed; the machine runs") as caught:
        list(steps)
    assert caught.value.why == "no such package"
    assert caught.value.hint == "ds-ec2 logs work --local --stage environment"


def test_a_failed_package_does_not_hide_that_jupyterlab_answers() -> None:
    assert told(follow(document(jupyter="done", environment="failed"), until=JUPYTER))[-1] == (
        "stage:environment",
        StepState.FAILED,
    )


def test_the_stages_of_an_earlier_boot_are_no_news() -> None:
    old, new = document("b1", jupyter="done"), document("b2", jupyter="done")
    place: Any = Place(Documents([old, old, new]))
    assert told(follow_boot(place, "ds-ec2-ana-work", "work", not_boot="b1")) == [
        ("stage:jupyter", StepState.DONE)
    ]
    assert place.parameters.texts == [new]


def test_a_machine_that_falls_silent_is_given_up(clock: Clock) -> None:
    with pytest.raises(DsEc2Error, match="silent for 20 minutes") as caught:
        list(follow(document(booted="done", network="running")))
    assert caught.value.why == "its last stage is network"
    assert 1200 <= clock.now < 1210
