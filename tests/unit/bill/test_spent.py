"""What a machine has cost so far: the sum of its runs at today's prices, and of its disks by their age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ds_ec2.bill.ledger import read_ledger
from ds_ec2.bill.spent import spent
from ds_ec2.bill.totals import sum_up, usd_now
from ds_ec2.model.bill import Bill, BillLine, Price
from ds_ec2.model.machine import Machine, MachineStatus
from ds_ec2.model.plans import Network
from ds_ec2.model.spent import Disk, Kind, Ledger, Life, Run

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LARGE, GPU = Kind("m7i.large"), Kind("g6.xlarge", spot=True)
PRICES = {LARGE: Price(0.1), GPU: Price(0.5, at_most=True)}


def ago(**how: float) -> datetime:
    return NOW - timedelta(**how)


def unix(when: datetime) -> int:
    return int(when.timestamp())


def test_runs_of_all_types_and_disks_are_summed() -> None:
    ledger = Ledger(
        since=ago(days=40),
        sums=((LARGE, 36_000), (GPU, 7_200)),
        runs=(Run(LARGE, ago(days=2), ago(days=2, hours=-3)), Run(LARGE, ago(hours=5))),
    )
    life = Life(ledger, Run(LARGE, ago(hours=5)), running=True, made_at=ago(days=40))
    disks = [Disk(50, ago(days=365 / 12)), Disk(24, ago(hours=73))]
    found = spent(life, disks, PRICES.get, NOW)
    assert found.seconds == 36_000 + 7_200 + 3 * 3600 + 5 * 3600
    assert found.instance_usd == pytest.approx(0.1 * (10 + 3 + 5) + 0.5 * 2)
    assert found.disks_usd == pytest.approx(50 * 0.08 + 24 * 0.08 / 10, abs=1e-6)
    assert found.usd == pytest.approx(found.instance_usd + found.disks_usd)
    assert found.run_seconds == 5 * 3600
    assert found.run_usd == pytest.approx(0.5)
    assert (found.at_least, found.at_most) == (False, True)  # a spot price is known by its bound alone


def test_a_machine_that_was_just_made_has_no_account_yet() -> None:
    life = Life(Ledger(), Run(LARGE, ago(hours=1)), running=True, made_at=ago(hours=1, seconds=2))
    found = spent(life, [], PRICES.get, NOW)
    assert found.usd == pytest.approx(0.1)
    assert not found.at_least


@pytest.mark.parametrize(
    ("told", "noted", "hours", "at_least"),
    [
        (None, ago(hours=8), 2, False),  # it stopped by itself, and its event said when
        (ago(hours=7), None, 3, False),  # somebody stopped it, and the function has not come to it yet
        (ago(hours=7), ago(hours=8), 2, False),
        (None, None, 0, True),  # nobody knows
        (ago(days=3), None, 0, True),  # EC2 tells of a stop before this run
    ],
)
def test_a_run_ends_when_the_account_or_ec2_says(
    told: datetime | None,
    noted: datetime | None,
    hours: int,
    at_least: bool,  # noqa: FBT001 - parametrized
) -> None:
    ledger = Ledger(ago(hours=10), (), (Run(LARGE, ago(hours=10), noted),))
    found = spent(Life(ledger, Run(LARGE, ago(hours=10), told), made_at=ago(hours=10)), [], PRICES.get, NOW)
    assert (found.seconds, found.at_least) == (hours * 3600, at_least)


def test_a_run_that_nobody_saw_end_went_on_to_the_next_start_at_most() -> None:
    ledger = Ledger(ago(hours=10), (), (Run(LARGE, ago(hours=10)),))
    found = spent(Life(ledger, Run(GPU, ago(hours=4)), running=True), [], PRICES.get, NOW)
    assert (found.seconds, found.run_seconds) == (10 * 3600, 4 * 3600)
    assert found.instance_usd == pytest.approx(6 * 0.1 + 4 * 0.5)


def test_an_instance_older_than_its_account_cost_more() -> None:
    life = Life(Ledger(since=ago(hours=2)), Run(LARGE, ago(hours=2)), running=True, made_at=ago(days=9))
    assert spent(life, [], PRICES.get, NOW).at_least
    without = Life(Ledger(), Run(LARGE, ago(hours=2)), running=True, made_at=ago(days=9))
    assert spent(without, [], PRICES.get, NOW).at_least


def test_a_type_without_a_price_is_left_out_and_said() -> None:
    ledger = Ledger(ago(hours=1), ((Kind("z9.huge"), 3600),))
    found = spent(Life(ledger, Run(LARGE, ago(hours=1)), running=True), [], PRICES.get, NOW)
    assert found.usd == pytest.approx(0.1)
    assert (found.seconds, found.at_least) == (7200, True)


def test_a_minute_is_the_least() -> None:
    found = spent(Life(Ledger(), Run(LARGE, ago(seconds=5)), running=True), [], PRICES.get, NOW)
    assert found.run_seconds == 60


def test_disks_bill_where_no_instance_is() -> None:
    found = spent(Life(), [Disk(100, ago(hours=730))], PRICES.get, NOW)
    assert found.usd == pytest.approx(8.0)
    assert (found.seconds, found.at_least) == (0, False)


def test_the_tag_is_read_and_odd_words_are_left_out() -> None:
    start = unix(ago(hours=3))
    text = (
        f"from={start} m7i.large=10 g6.xlarge/spot:{start}-{start + 60} huh =3 m7i.large:{start + 99}-0 a=b"
    )
    ledger = read_ledger(text)
    assert (ledger.since, ledger.sums) == (ago(hours=3), ((LARGE, 10),))
    assert ledger.runs == (
        Run(GPU, ago(hours=3), ago(hours=3, seconds=-60)),
        Run(LARGE, ago(hours=3, seconds=-99)),
    )
    assert read_ledger("") == read_ledger("somebody's own words") == Ledger()


def machine(status: MachineStatus, usd: float | None = 0.2, month: float | None = 7.3) -> Machine:
    return Machine(
        name="work", owner="ana", region="us-east-1", zone="", status=status, instance_id="i-1",
        instance_type="m7i.large", stack="s", stack_status="CREATE_COMPLETE", managed_by="ds-ec2",
        usd_per_hour=usd, usd_per_month_stopped=month,
    )  # fmt: skip


def network(state: str) -> Network:
    bill = Bill((BillLine("way out", 0.01, 0.0, ""), BillLine("disk", 0.001, 0.73, "")))
    return Network(
        region="us-east-1", stack_status="", vpc_id="", zones=(), subnets=(), security_group="", bucket="",
        way_out="nat-instance", way_out_state=state, bill=bill, usd_per_hour=usd_now(bill, state),
    )  # fmt: skip


def test_all_of_it_is_what_runs_the_disks_and_the_network() -> None:
    two = (machine(MachineStatus.RUNNING), machine(MachineStatus.STOPPED))
    found = sum_up(two, network("running"))
    assert found.usd_per_hour == pytest.approx(0.2 + 2 * 0.01 + 0.011)
    assert found.usd_per_month_stopped == pytest.approx(2 * 7.3 + 0.73)
    asleep = sum_up(two[1:], network("stopped"))
    assert asleep.usd_per_hour == pytest.approx(0.01 + 0.001)
    assert not found.at_least


@pytest.mark.parametrize(("usd", "month"), [(None, 7.3), (0.2, None)])
def test_what_is_not_known_makes_the_sum_a_least(usd: float | None, month: float | None) -> None:
    assert sum_up((machine(MachineStatus.RUNNING, usd, month),), None).at_least
