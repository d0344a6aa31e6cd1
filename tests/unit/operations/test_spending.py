"""What a machine has cost, from what EC2 tells of its instance and volumes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.machine import MACHINE

from ds_ec2.aws.ec2 import Instance, Volume
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import TAG_NAME, TAG_OWNER, TAG_SPENT
from ds_ec2.operations.spending import way_out_spent, with_spent

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Place:
    """An account as far as prices need it: one whose own prices are those of an embedded AWS."""

    region: str = "us-east-1"
    endpoint: str = "http://127.0.0.1:1"


HERE: Any = Place()
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
WORK = replace(
    MACHINE,
    status=MachineStatus.STOPPED,
    managed_by="cdk",
    created_at=NOW - 10 * DAY,
    usd_per_hour=0.2,
    disk_gib=50,
    idle_minutes=None,
)
MINE = {TAG_OWNER: "ana", TAG_NAME: "work"}
ROOT = Volume("vol-root", 24, "in-use", made_at=NOW - 10 * DAY, instances=("i-1",))
DATA = Volume("vol-data", 50, "available", tags=MINE, made_at=NOW - 20 * DAY)
OTHER = Volume("vol-other", 900, "in-use", tags=MINE | {TAG_NAME: "other"}, made_at=NOW, instances=("i-2",))


@pytest.fixture(autouse=True)
def no_prices_of_whoever_runs_this(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_EC2_STATE", str(tmp_path))


def instance(ledger: str = "") -> Instance:
    return Instance(
        "i-1", "m7i.large", "stopped", "us-east-1a", {TAG_SPENT: ledger},
        launched_at=NOW - 2 * DAY, made_at=NOW - 10 * DAY, stopped_at=NOW - DAY,
    )  # fmt: skip


def test_disks_are_those_attached_and_those_of_its_name() -> None:
    machine = with_spent(HERE, WORK, instance(), (ROOT, DATA, OTHER))
    assert machine.disk_gib == 74  # the stack told 50 alone
    assert machine.usd_per_month_stopped == pytest.approx(5.92)
    assert machine.spent is not None
    assert machine.spent.disks_usd == pytest.approx((24 * 10 + 50 * 20) * 24 * 0.08 / 730, rel=0.02)


def test_a_machine_older_than_its_ledger_cost_at_least_what_is_known() -> None:
    machine = with_spent(HERE, WORK, instance(), (ROOT, DATA))
    assert machine.spent is not None
    assert (machine.spent.seconds, machine.spent.at_least) == (86_400, True)
    assert machine.spent.instance_usd == pytest.approx(24 * 0.2)


def test_runs_of_other_types_have_prices_of_their_own() -> None:
    since = int((NOW - 10 * DAY).timestamp())
    machine = with_spent(
        HERE, WORK, instance(f"from={since} g6.xlarge=36000 g6.xlarge/spot=36000"), (ROOT, DATA)
    )
    assert machine.spent is not None
    assert machine.spent.instance_usd == pytest.approx(24 * 0.2 + 20 * 0.8048)
    assert (machine.spent.at_least, machine.spent.at_most) == (False, True)


def test_whoever_may_not_read_volumes_gets_the_sizes_of_the_stacks() -> None:
    machine = with_spent(HERE, WORK, instance(), None)
    assert machine.disk_gib == 50
    assert machine.spent is not None
    assert machine.spent.disks_usd == pytest.approx(50 * 240 * 0.08 / 730, rel=0.02)


def test_data_without_a_machine_bill() -> None:
    alone = replace(WORK, status=MachineStatus.DATA_ONLY, instance_id="", usd_per_hour=None)
    machine = with_spent(HERE, alone, None, (ROOT, DATA))
    assert machine.disk_gib == 50
    assert machine.spent is not None
    assert machine.spent.instance_usd == 0
    assert machine.spent.disks_usd > 0


def test_the_way_out_bills_with_its_address() -> None:
    way_out = replace(instance(), id="i-9", type="t4g.nano", made_at=NOW - 2 * DAY)
    disk = Volume("vol-9", 8, "in-use", made_at=NOW - 2 * DAY, instances=("i-9",))
    found = way_out_spent(HERE, way_out, (disk, ROOT))
    assert found is not None
    assert found.instance_usd == pytest.approx(24 * (0.0042 + 0.005))
    assert found.disks_usd == pytest.approx(8 * 48 * 0.08 / 730, rel=0.02)
    assert way_out_spent(HERE, None, ()) is None
