import pytest

from ds_ec2.bill.costs import machine_bill, network_bill, snapshot_usd_per_month
from ds_ec2.model.bill import Price
from ds_ec2.model.defaults import WayOut


def test_a_stopped_machine_costs_its_disks_alone() -> None:
    bill = machine_bill("m7i.xlarge", Price(0.2016), 100, "us-east-1")
    assert bill.usd_per_month_stopped == pytest.approx(8.0)
    assert bill.usd_per_hour_running == pytest.approx(0.2016 + 8.0 / 730)
    assert not bill.approximate


def test_an_unknown_price_makes_the_sum_unknown_and_not_smaller() -> None:
    bill = machine_bill("z9.huge", None, 100, "us-east-1")
    assert bill.usd_per_hour_running is None
    assert bill.usd_per_month_stopped == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("way_out", "running", "stopped"),
    [
        (WayOut.NAT_INSTANCE, 0.0042 + 0.005 + 0.64 / 730, 0.64),
        (WayOut.NAT_GATEWAY, 0.05, 36.5),
        (WayOut.NONE, 0.06, 43.8),
    ],
)
def test_each_way_out_has_its_price(way_out: WayOut, running: float, stopped: float) -> None:
    bill = network_bill(way_out, 3, "us-east-1")
    assert bill.usd_per_hour_running == pytest.approx(running)
    assert bill.usd_per_month_stopped == pytest.approx(stopped)


def test_bills_add_up() -> None:
    machine = machine_bill("g5.xlarge", Price(1.006, approximate=True), 50, "eu-west-1")
    network = network_bill(WayOut.NAT_INSTANCE, 3, "us-east-1")
    both = machine + network
    assert both.usd_per_month_stopped == pytest.approx(4.0 + 0.64)
    assert both.approximate


def test_every_line_names_its_source() -> None:
    bill = machine_bill("g5.xlarge", Price(1.006), 50, "us-east-1") + network_bill(
        WayOut.NONE, 2, "us-east-1"
    )
    assert all(line.source.startswith("https://aws.amazon.com/") for line in bill.lines)


def test_a_snapshot_costs_at_most_its_volume() -> None:
    assert snapshot_usd_per_month(200) == pytest.approx(10.0)
