"""Traffic that lasts, and thresholds from the table, the stack and the machine."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from ds_ec2.model.idle import THRESHOLDS as NAMES
from ds_ec2_machine.platform import Platform
from ds_ec2_machine.thresholds import THRESHOLDS, change, thresholds
from ds_ec2_machine.traffic import LASTS, Traffic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.machine.conftest import Machine

HEAD = "Inter-|   Receive     |  Transmit\n face |bytes packets ...|bytes packets ...\n"


def table(received: int, sent: int, loopback: int = 0) -> str:
    zeros = "0 " * 7
    return f"{HEAD}    lo: {loopback} {zeros}{loopback} {zeros}\n  ens5:{received} {zeros} {sent} {zeros}\n"


def rates(source: Path, moves: list[tuple[int, int, int]]) -> list[float]:
    """Look once more after each move of bytes, 20 ms apart; return the steady rates."""
    source.write_text(table(10**9, 10**9))
    traffic = Traffic(str(source))
    traffic.look()
    received, sent, loopback = 10**9, 10**9, 0
    found = []
    for more in moves:
        received, sent, loopback = received + more[0], sent + more[1], loopback + more[2]
        source.write_text(table(received, sent, loopback))
        time.sleep(0.02)
        traffic.look()
        found.append(traffic.steady)
    return found


def test_a_transfer_that_lasts_is_seen_and_a_burst_is_not(tmp_path: Path) -> None:
    source = tmp_path / "dev"
    assert rates(source, [(10**6, 0, 0)] * (LASTS - 1)) == [0.0] * (LASTS - 1)
    assert rates(source, [(10**6, 10**3, 0)] * LASTS)[-1] > 10**6
    assert rates(source, [(10**6, 0, 0)] * (LASTS - 1) + [(0, 0, 0)])[-1] == 0.0


def test_the_loopback_is_nobodys_work(tmp_path: Path) -> None:
    assert rates(tmp_path / "dev", [(0, 0, 10**9)] * LASTS)[-1] == 0.0


def test_the_real_table_is_read() -> None:
    traffic = Traffic()
    for _ in range(LASTS + 1):
        traffic.look()
    assert traffic.steady >= 0.0


def test_a_heartbeat_and_open_tabs_stay_far_below(tmp_path: Path) -> None:
    """An open tab was measured at 1.5 kB/s; the status parameter is 4 kB in ten minutes."""
    default = THRESHOLDS["network"].default * 1000
    assert default > 20 * 1500 + 4000 / 600
    assert rates(tmp_path / "dev", [(0, 0, 0)] * LASTS)[-1] < default


@pytest.fixture
def platform(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("DS_EC2_PLATFORM", str(machine.platform_file))
    return Platform()


def settings(machine: Machine, **values: str) -> None:
    machine.file("/var/lib/ds-ec2/settings.json").write_text(json.dumps(values))


def test_the_machines_own_value_wins_over_the_stacks_and_that_over_the_table(
    machine: Machine, platform: Platform
) -> None:
    usual = {name: one.default for name, one in THRESHOLDS.items()}
    assert thresholds(platform) == usual
    settings(machine, idle_minutes="90", idle="cpu=0.5,gpu=20")
    assert thresholds(platform) == usual | {"minutes": 90.0, "cpu": 0.5, "gpu": 20.0}
    assert change(platform, {"cpu": 2, "minutes": 0})["cpu"] == 2.0
    assert thresholds(platform) == usual | {"minutes": 0.0, "cpu": 2.0, "gpu": 20.0}
    assert change(platform, {"cpu": None, "minutes": None})["cpu"] == 0.5


@pytest.mark.parametrize("text", ["cpu = 2", '{"cpu": "much", "minutes": null}', "[1]"])
def test_what_is_no_number_in_the_machines_own_file_changes_nothing(
    machine: Machine, platform: Platform, text: str
) -> None:
    settings(machine, idle_minutes="90", idle="cpu=lots,lunch=1,gpu")
    machine.file("/etc/ds-ec2/idle.json").write_text(text)
    usual = {name: one.default for name, one in THRESHOLDS.items()}
    assert thresholds(platform) == usual | {"minutes": 90.0}
    assert change(platform, {"cpu": 2})["cpu"] == 2.0


@pytest.mark.parametrize(
    ("wanted", "words"),
    [({"lunch": 1}, "no threshold 'lunch'"), ({"gpu": 101}, "0 to 100"), ({"cpu": "much"}, "cores")],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(
    platform: Platform, wanted: dict[str, float], words: str
) -> None:
    before = thresholds(platform)
    with pytest.raises(ValueError, match=words):
        change(platform, {"minutes": 5, **wanted})
    assert thresholds(platform) == before


def test_laptop_and_machine_know_the_same_names() -> None:
    assert {*NAMES, "minutes"} == set(THRESHOLDS)
