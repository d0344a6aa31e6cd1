"""The main job as operations: machines that really boot, JupyterLab that really answers."""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.local.conftest import wait_until
from tests.local.operations.rounds import read_log
from tests.local.operations.steps import done

from ds_ec2.bill.ledger import read_ledger
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import TAG_SPENT
from ds_ec2.model.plans import StackAction
from ds_ec2.model.requests import DataFate, DownRequest, UpRequest
from ds_ec2.model.steps import StepState
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.lab import LabSession, open_lab, plan_lab
from ds_ec2.operations.listing import list_all
from ds_ec2.operations.logs import logs
from ds_ec2.operations.machines import find, list_machines
from ds_ec2.operations.network import apply_network_down, plan_network_down, show_network
from ds_ec2.operations.power import start, stop
from ds_ec2.operations.shell import authorize
from ds_ec2.operations.up import apply_up, plan_up
from ds_ec2.policy.actions import OPERATIONS, needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.spent import Run

pytestmark = [pytest.mark.local, pytest.mark.slow]


def up(account: Account, name: str, packages: Path) -> Machine:
    request = UpRequest(name=name, instance_type="m7i.large", data_gib=1, packages=packages)
    return done(apply_up(account, plan_up(account, request)))


def down(account: Account, name: str, fate: DataFate = DataFate.DELETE) -> tuple[str, ...]:
    result = done(apply_down(account, plan_down(account, DownRequest(name, fate))))
    assert [item for item in result.leftovers if not item.meant] == []
    return result.others


def answers(lab: LabSession, token: str) -> int:
    connection = HTTPConnection("127.0.0.1", lab.local_port, timeout=20)
    connection.request("GET", "/api/contents", headers={"Authorization": f"token {token}"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packages") / "requirements.txt"
    path.write_text("six\n")
    return path


@pytest.fixture(scope="module")
def began(account: Account) -> int:
    """Lines of the embedded AWS's log before the first call of this module."""
    return len(read_log(account))


@pytest.fixture(scope="module")
def machine(account: Account, packages: Path, began: int) -> Iterator[Machine]:
    """One machine for the tests of this module; the network goes with it."""
    del began
    yield up(account, "first", packages)
    for left in list_machines(account):
        down(account, left.name)
    done(apply_network_down(account, plan_network_down(account)))


def test_up_ends_with_a_machine_whose_jupyterlab_answers(account: Account, machine: Machine) -> None:
    assert (machine.status, machine.owner, machine.disk_gib) == (MachineStatus.RUNNING, "ana", 25)
    assert "jupyter" in [stage.name for stage in machine.stages]
    assert find(account, machine.instance_id).name == "first"
    assert list(logs(account, "first", "jupyter"))
    with pytest.raises(DsEc2Error, match="has no stage 'lunch'"):
        list(logs(account, "first", "lunch"))


@pytest.mark.usefixtures("machine")
def test_a_name_that_is_taken_is_refused(account: Account) -> None:
    with pytest.raises(DsEc2Error, match="first exists already") as caught:
        plan_up(account, UpRequest(name="first"))
    assert caught.value.hint.startswith("ds-ec2 lab first --local")


@pytest.mark.usefixtures("machine")
def test_jupyterlab_is_reached_with_its_token_alone(account: Account) -> None:
    with done(open_lab(account, plan_lab(account))) as lab:
        (token,) = parse_qs(urlsplit(lab.url_with_token).query)["token"]
        assert token not in lab.url
        assert answers(lab, token) == 200
        assert answers(lab, "guess") == 403
        assert lab.failed == ""
    with pytest.raises(ConnectionRefusedError):
        answers(lab, token)


@pytest.mark.usefixtures("machine")
def test_a_port_in_use_is_refused_before_anything_is_opened(account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} of this computer is in use") as caught:
            plan_lab(account, local_port=port)
    assert "--port" in caught.value.hint


@pytest.mark.usefixtures("machine")
def test_a_machine_keeps_its_port_of_this_computer_where_that_is_free(account: Account) -> None:
    usual = plan_lab(account).local_port
    assert 20_000 <= usual < 30_000
    with done(open_lab(account, plan_lab(account))) as lab:
        assert lab.local_port == usual
        assert plan_lab(account).local_port == 0
        with done(open_lab(account, plan_lab(account))) as second:
            assert second.local_port not in {0, usual}
    assert plan_lab(account).local_port == usual


@pytest.mark.usefixtures("machine")
def test_a_public_key_is_authorized_for_the_machines_user(account: Account, tmp_path: Path) -> None:
    key = tmp_path / "id_test.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000000 test\n")
    assert authorize(account, "first", key) == "ec2-user"


@pytest.mark.usefixtures("machine")
def test_a_stopped_machine_keeps_its_disks_and_is_started_by_lab(account: Account) -> None:
    steps = list(stop(account, "first"))
    assert [(step.key, step.state) for step in steps[-2:]] == [
        ("cost", StepState.NOTE),
        ("network", StepState.NOTE),
    ]
    assert steps[-2].title == "25 GiB of disks stay"
    assert steps[-2].detail.startswith("$2.00 a month")
    assert steps[-1].detail == "$0.64 a month while no machine runs"
    assert find(account).status is MachineStatus.STOPPED
    with pytest.raises(DsEc2Error, match="first is stopped") as caught:
        list(logs(account, "first"))
    assert caught.value.hint == "ds-ec2 start first --local"
    plan = plan_lab(account)
    assert plan.needs_start
    with done(open_lab(account, plan)) as lab:
        assert lab.machine.status is MachineStatus.RUNNING
        assert answers(lab, parse_qs(urlsplit(lab.url_with_token).query)["token"][0]) == 200
    assert [step.state for step in start(account, "first")] == [StepState.NOTE]


@pytest.mark.usefixtures("machine")
def test_the_account_keeps_what_each_run_took(account: Account) -> None:
    def runs() -> list[Run]:
        instance = account.ec2.instance(find(account, "first").instance_id)
        return list(read_ledger(instance.tags.get(TAG_SPENT, "")).runs)

    before, now = wait_until(lambda: (found := runs()) and len(found) == 2 and found)
    assert before.ended_at is not None
    assert before.launched_at < before.ended_at <= now.launched_at
    assert now.ended_at is None
    machine = done(stop(account, "first"))
    assert machine.spent is not None
    took = max(60, (before.ended_at - before.launched_at).total_seconds())
    assert machine.spent.seconds == took + machine.spent.run_seconds
    assert machine.spent.instance_usd == pytest.approx(machine.spent.seconds * 0.1008 / 3600, abs=1e-5)
    assert 0 < machine.spent.disks_usd < 0.001
    assert not machine.spent.at_least
    listing = list_all(account)
    (listed,) = listing.machines
    assert listed.spent is not None
    assert (listed.spent.seconds, listed.disk_gib) == (machine.spent.seconds, 25)
    assert listing.usd_per_month_stopped == pytest.approx(2.0 + 0.64)
    network = show_network(account)
    assert network.spent is not None
    assert network.spent.seconds >= 60
    assert wait_until(lambda: runs()[-1].ended_at) is not None
    done(start(account, "first"))


@pytest.mark.usefixtures("machine")
def test_a_second_machine_shares_the_network_and_outlives_the_first(account: Account, packages: Path) -> None:
    network = show_network(account)
    second = up(account, "second", packages)
    assert show_network(account).vpc_id == network.vpc_id
    assert show_network(account).machines == ("first", "second")
    assert down(account, "first") == ("second",)
    with done(open_lab(account, plan_lab(account, "second"))) as lab:
        assert lab.machine.instance_id == second.instance_id
    with pytest.raises(DsEc2Error, match="network is in use") as caught:
        plan_network_down(account)
    assert caught.value.why == "on it: second"

    account.ec2._client.terminate_instances(InstanceIds=[second.instance_id])  # by somebody else
    assert find(account).status is MachineStatus.GONE
    plan = plan_up(account, UpRequest(name="second"))
    assert (plan.machine.action, plan.data.action) == (StackAction.REMAKE, StackAction.KEEP)


@pytest.mark.usefixtures("machine")
def test_the_list_of_actions_has_every_call_of_these_tests(account: Account, began: int) -> None:
    made = {
        action for line in read_log(account)[began:] if line["principal"] == "ana" for action in line["iam"]
    }
    assert "ssm:StartSession" in made
    listed = {need.action for operation in OPERATIONS for need in needs(operation)}
    assert made - listed - {"sts:GetCallerIdentity", "iam:SimulatePrincipalPolicy"} == set()
