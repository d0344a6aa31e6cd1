"""Spending in words, and a list that a narrow terminal can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.machine import MACHINE

from ds_ec2.console.machines import down_result, machine_facts, machine_table
from ds_ec2.console.spending import cell, last_run, so_far, totals
from ds_ec2.model.listing import Listing
from ds_ec2.model.machine import MachineStatus, Stopped
from ds_ec2.model.plans import DownResult
from ds_ec2.model.spent import Spent

NOW = datetime(2026, 11, 25, 14, 32, tzinfo=UTC)
SPENT = Spent(4.12, 3.9, 0.22, 72_300, run_usd=0.4, run_seconds=7_500)
WORK = replace(
    MACHINE,
    status=MachineStatus.STOPPED,
    instance_type="m7i-flex.xlarge",
    created_at=NOW - timedelta(days=4, hours=3),
    usd_per_hour=0.19152,
    disk_gib=74,
    stopped=Stopped("idle for 60 minutes", NOW),
    usd_per_month_stopped=5.92,
    spent=SPENT,
)


@pytest.mark.parametrize(
    ("known", "words", "short"),
    [
        (SPENT, "about $4.12 (instance $3.90 in 20 h 5 min, disks $0.22)", "4.12"),
        (
            replace(SPENT, at_least=True),
            "at least $4.12 (instance $3.90 in 20 h 5 min, disks $0.22)",
            ">4.12",
        ),
        (replace(SPENT, at_most=True), "at most $4.12 (instance $3.90 in 20 h 5 min, disks $0.22)", "<4.12"),
        (
            replace(SPENT, at_least=True, at_most=True),
            "about $4.12 (instance $3.90 in 20 h 5 min, disks $0.22)",
            "4.12",
        ),
        (
            Spent(0.001, 0.001, 0.0, 63),
            "under $0.01 (instance under $0.01 in 1 min, disks under $0.01)",
            "<0.01",
        ),
        (None, "", "-"),
    ],
)
def test_an_estimate_says_that_it_is_one(known: Spent | None, words: str, short: str) -> None:
    assert so_far(known) == words
    assert cell(replace(WORK, spent=known)) == short


def test_a_stopped_machine_tells_its_last_run_and_what_goes_on_billing() -> None:
    shown = machine_facts(WORK)
    assert last_run(SPENT) == "2 h 5 min, about $0.40"
    assert "last run  2 h 5 min, about $0.40" in shown
    assert "stopped   $5.92/month for 74 GiB of disks" in shown
    assert f"spent     {so_far(SPENT)}" in shown


@pytest.mark.parametrize(
    ("machines", "network", "words"),
    [
        (1, False, ""),
        (0, False, ""),
        (0, True, "The network: $0.21/h now, $6.56/month when stopped."),
        (1, True, "With the network: $0.21/h now, $6.56/month when stopped."),
        (2, False, "Together: $0.21/h now, $6.56/month when stopped."),
    ],
)
def test_one_line_says_what_all_of_it_costs(machines: int, network: bool, words: str) -> None:  # noqa: FBT001 - parametrized
    assert totals(Listing((WORK,) * machines, 0.21, 6.56, network=network)) == words


def test_a_sum_with_something_unknown_is_a_least() -> None:
    assert totals(Listing((WORK,), 0.21, 6.56, network=True, at_least=True)) == (
        "With the network: at least $0.21/h now, at least $6.56/month when stopped."
    )


def test_a_spot_machine_whose_price_was_not_asked_costs_no_more_than_that() -> None:
    words = totals(Listing((WORK,), 0.21, 6.56, network=True, at_most=True))
    assert words == "With the network: at most $0.21/h now, $6.56/month when stopped."


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (130, "NAME STATUS TYPE ZONE $/HR SPENT AUTOSTOP AGE"),
        (100, "NAME STATUS TYPE ZONE $/HR SPENT AUTOSTOP AGE"),
        (90, "NAME STATUS TYPE ZONE $/HR SPENT AUTOSTOP"),
        (80, "NAME STATUS TYPE $/HR SPENT AUTOSTOP"),
        (70, "NAME STATUS TYPE $/HR SPENT"),
        (45, "NAME STATUS $/HR SPENT"),
        (30, "NAME STATUS $/HR SPENT"),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns_and_no_line_that_wraps(width: int, columns: str) -> None:
    shown = machine_table([WORK, replace(WORK, name="paper", stopped=None)], NOW, width=width)
    lines = shown.splitlines()
    assert lines[0].split() == columns.split()
    assert max(map(len, lines)) <= width
    assert "stopped" in lines[1]
    assert ("stopped: idle for 60" in lines[1]) is (width >= 70)


def test_whoever_does_not_say_how_wide_gets_everything() -> None:
    assert "stopped: idle for 60 minutes at" in machine_table([WORK], NOW)


def test_down_says_what_it_was_and_what_bills_on() -> None:
    result = DownResult("work", (), network_stays=True, spent=SPENT, network_usd_per_month=0.64)
    assert down_result(result).splitlines() == [
        "work is gone.",
        f"It cost {so_far(SPENT)}",
        "Nothing tagged with its name is left.",
        "The network stays, $0.64/month while no machine runs; remove it with: ds-ec2 network down",
    ]
    shared = down_result(replace(result, others=("paper",)))
    assert shared.endswith("The network stays for paper, $0.64/month while no machine runs")
