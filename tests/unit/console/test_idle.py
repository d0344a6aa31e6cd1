"""What holds a machine, and what a machine does, in words."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.machine import MACHINE

from ds_ec2.console.idle import held, idle_report
from ds_ec2.console.machines import machine_table, status_words
from ds_ec2.errors import UsageError
from ds_ec2.model.idle import Held, IdleReport, Signal, parse_thresholds
from ds_ec2.model.machine import Interruption, Machine, MachineStatus, Stage, StageState, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 25, 14, 9, tzinfo=UTC)
WORK = replace(
    MACHINE,
    created_at=NOW - timedelta(hours=2),
    usd_per_hour=0.5,
)
REPORT = IdleReport(
    name="work",
    why="quiet",
    sampled_at=NOW - timedelta(seconds=20),
    quiet_since=NOW - timedelta(minutes=37),
    stops_at=NOW + timedelta(minutes=23),
    limit_minutes=60,
    max_minutes=0,
    signals=(
        Signal("cpu", False, "0.01 cores", NOW - timedelta(minutes=37)),
        Signal("kernels", False, "0 of 1 busy", NOW - timedelta(days=1)),
    ),
    thresholds=(("cpu", 0.1),),
)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_quiet_machine_says_when_it_stops() -> None:
    assert idle_report(REPORT, NOW).splitlines() == [
        "SIGNAL   HOLDS  VALUE        QUIET SINCE",
        "cpu      no     0.01 cores   13:32",
        "kernels  no     0 of 1 busy  2026-11-24 14:09",
        "",
        "work stops at 14:32, in 23 min, unless something uses it before.",
        "Seen at 14:08.",
    ]


BUSY = replace(
    REPORT, why="held by gpu (87 percent)", quiet_since=None, stops_at=None,
    signals=(Signal("gpu", True, "87 percent", None), *REPORT.signals),
)  # fmt: skip


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (BUSY, ["work stays: gpu in use. It stops 1 h after the last use."]),
        (replace(BUSY, limit_minutes=0), ["work stays: gpu in use. Its idle stop is off."]),
        (
            replace(REPORT, limit_minutes=0, stops_at=None, why="quiet; the idle stop is off"),
            ["work stays: its idle stop is off."],
        ),
        (
            replace(BUSY, max_minutes=480, why="held by gpu; its maximum of 480 minutes ends first",
                    stops_at=NOW + timedelta(minutes=70)),
            [
                "work stays: gpu in use. It stops 1 h after the last use.",
                "work stops at 15:19, in 1 h 10 min: its maximum of 8 h is over then.",
            ],
        ),
        (replace(REPORT, stops_at=NOW), ["work stops now, unless something uses it before."]),
    ],
)  # fmt: skip
def test_what_will_happen_is_said(report: IdleReport, words: list[str]) -> None:
    lines = idle_report(report, NOW).splitlines()
    assert lines[lines.index("") + 1 : -1] == words


def test_a_hold_has_an_end_a_price_and_a_way_back() -> None:
    until = NOW + timedelta(hours=4)
    assert held(Held(WORK, until, 2.0), " --local", NOW).splitlines() == [
        "work is held until 18:09, 4 h: about $2.00.",
        "  let go  ds-ec2 keep work --local --off",
    ]
    assert "at a price that is not known" in held(Held(WORK, until, None), "", NOW)
    assert "Its maximum of 8 h holds all the same." in held(
        Held(replace(WORK, max_minutes=480), until, 2.0), "", NOW
    )
    assert held(Held(WORK, None, 0.0)) == "work is let go: it stops when it is idle."


def stages(*states: str) -> tuple[Stage, ...]:
    names = ("booted", "disks", "network", "jupyter", "environment", "ready")
    return tuple(Stage(name, StageState(state), 0.0) for name, state in zip(names, states, strict=False))


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (WORK, "running"),
        (replace(WORK, stages=stages("running")), "booting: machine boots"),
        (replace(WORK, stages=stages("done", "done", "done", "done", "running")), "booting: packages"),
        (replace(WORK, stages=stages("done", "done", "done", "done", "done")), "booting: packages"),
        (replace(WORK, stages=stages(*["done"] * 6)), "ready"),
        (replace(WORK, stages=stages(*["done"] * 4, "failed", "failed")), "failed: packages"),
        (replace(WORK, status=MachineStatus.STOPPED), "stopped"),
        (
            replace(
                WORK,
                status=MachineStatus.STOPPED,
                stopped=Stopped("idle for 60 minutes", NOW + timedelta(minutes=23)),
            ),
            "stopped: idle for 60 minutes at 14:32",
        ),
        (
            replace(
                WORK,
                status=MachineStatus.STOPPED,
                interruption=Interruption("EC2 needed its capacity", NOW, "instance-stopped-no-capacity"),
            ),
            "stopped: EC2 needed its capacity at 14:09, and starts it again",
        ),
        (
            replace(WORK, stages=stages(*["done"] * 6), interruption=Interruption("taken", NOW)),
            "ready, interrupted at 14:09",
        ),
        (
            replace(WORK, launched_at=NOW, interruption=Interruption("taken", NOW)),
            "running, EC2 takes it back within minutes: told at 14:09",
        ),
        (replace(WORK, interruption=Interruption("taken", NOW - timedelta(days=1))), "running"),
    ],
)
def test_the_list_says_what_a_machine_does(machine: Machine, words: str) -> None:
    assert status_words(machine, NOW) == words
    assert f"work  {words}  " in machine_table([machine], NOW)


@pytest.mark.parametrize(
    ("idle", "most", "words"),
    [(60, 0, "60 min idle"), (60, 480, "60 min idle, 8 h at most"), (0, 480, "8 h at most"), (0, 0, "never")],
)
def test_autostop_names_both_limits(idle: int, most: int, words: str) -> None:
    line = machine_table([replace(WORK, idle_minutes=idle, max_minutes=most)], NOW).splitlines()[1]
    assert f"  {words}  " in line


def test_thresholds_are_read_as_people_type_them() -> None:
    assert parse_thresholds(["cpu=0.2", "gpu=10"]) == {"cpu": 0.2, "gpu": 10.0}


@pytest.mark.parametrize("pair", ["cpu", "cpu=", "cpu=much", "cpu=-1", "gpu=inf", "gpu=nan", "lunch=1"])
def test_what_sets_no_threshold_is_told_what_does(pair: str) -> None:
    with pytest.raises(UsageError, match="sets no threshold") as caught:
        parse_thresholds([pair])
    assert "gpu in percent of any GPU" in caught.value.why
