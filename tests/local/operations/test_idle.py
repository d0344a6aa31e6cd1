"""A real machine's idle watch, asked and told through Session Manager."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.local.operations.steps import done

from ds_ec2.aws.account import open_account
from ds_ec2.cli.main import main
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import StageState
from ds_ec2.model.requests import DataFate, DownRequest, UpRequest
from ds_ec2.operations import idle
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.listing import list_all
from ds_ec2.operations.machines import find
from ds_ec2.operations.network import apply_network_down, plan_network_down
from ds_ec2.operations.power import stop
from ds_ec2.operations.up import apply_up, plan_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine

pytestmark = [pytest.mark.local, pytest.mark.slow]
SIGNALS = ["boot", "cpu", "gpu", "network", "kernels", "terminals", "typing", "keep"]


@pytest.fixture(scope="module")
def machine(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    packages = tmp_path_factory.mktemp("packages") / "requirements.txt"
    packages.write_text("no-such-package-on-any-index\n")
    request = UpRequest(
        name="idle",
        data_gib=1,
        packages=packages,
        idle_minutes=45,
        idle_thresholds=(("gpu", 20.0),),
        max_minutes=600,
    )
    yield done(apply_up(account, plan_up(account, request)))
    done(apply_down(account, plan_down(account, DownRequest("idle", DataFate.DELETE))))
    done(apply_network_down(account, plan_network_down(account)))


@pytest.mark.usefixtures("machine")
def test_every_signal_is_told_with_what_the_stack_was_made_with(account: Account) -> None:
    report = idle.idle(account, "idle")
    assert [one.name for one in report.signals] == SIGNALS
    assert {one.name: one.value for one in report.signals}["gpu"] == "no GPU"
    assert (report.limit_minutes, report.max_minutes) == (45.0, 600)
    assert dict(report.thresholds)["gpu"] == 20.0
    assert report.stops_at is not None  # its first minutes hold it, its maximum does not care
    assert timedelta(hours=9) < report.stops_at - datetime.now(UTC) < timedelta(hours=10)


@pytest.mark.usefixtures("machine")
def test_what_is_set_holds_at_once_and_can_be_given_back(account: Account) -> None:
    report = idle.change(account, "idle", values={"cpu": 0.5, "minutes": 90}, max_minutes=0)
    assert dict(report.thresholds)["cpu"] == 0.5
    assert (report.limit_minutes, report.max_minutes, report.stops_at) == (90.0, 0, None)
    assert find(account, "idle").max_minutes == 0
    report = idle.change(account, "idle", values=idle.given_back(), max_minutes=600)
    assert (report.limit_minutes, dict(report.thresholds)["cpu"]) == (45.0, 0.1)
    with pytest.raises(DsEc2Error) as caught:
        idle.change(account, "idle", values={"gpu": 101.0})
    assert caught.value.why == "gpu is a number from 0 to 100 (percent)"


@pytest.mark.usefixtures("machine")
def test_a_hold_has_an_end_and_a_price(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    held = idle.keep(account, "idle", 4 * 3600)
    assert held.until is not None
    assert abs(held.until - datetime.now(UTC) - timedelta(hours=4)) < timedelta(minutes=1)
    assert held.most_usd == pytest.approx(4 * (held.machine.usd_per_hour or 0))
    for words, until in ((["keep", "2h"], True), (["keep", "idle", "90m"], True), (["keep", "--off"], False)):
        with pytest.raises(SystemExit) as ended:
            main(["--local", *words, "--json"])
        assert ended.value.code == 0
        told = json.loads(capsys.readouterr().out)
        assert told["machine"]["name"] == "idle"
        assert bool(told["until"]) is until


@pytest.mark.usefixtures("machine")
def test_the_list_says_what_failed_in_two_rounds_of_calls(account: Account) -> None:
    fresh = open_account(account.region, endpoint=account.endpoint, keys=account.keys, flags=" --local")
    calls: list[str] = []
    for client in (fresh.stacks, fresh.ec2, fresh.parameters):
        events = client._client.meta.events
        events.register("before-call", lambda model, **_: calls.append(model.name))
    (listed,) = list_all(fresh).machines
    assert sorted(calls[:3]) == ["DescribeInstances", "DescribeStacks", "DescribeVolumes"]
    assert calls[3:] == ["GetParameters"]
    assert listed.spent is not None
    assert listed.spent.seconds >= 60
    failed = [stage.name for stage in listed.stages if stage.state is StageState.FAILED]
    assert failed == ["environment", "ready"]


def test_the_log_of_a_failed_stage_is_shown(
    machine: Machine, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--local", "logs", machine.name, "--bootstrap"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "environment, its last 30 lines:" in shown
    assert shown.rindex("no-such-package-on-any-index") > shown.index("its last 30 lines")
    done(stop(account, machine.name))
    with pytest.raises(DsEc2Error, match="idle is stopped") as caught:
        idle.idle(account, machine.name)
    assert caught.value.hint == "ds-ec2 start idle --local"
