"""The life of a spot machine: made, stopped, taken back by EC2, brought back, removed with its request.

The machines are records; the test answers in their place.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.local.conftest import ANA, LocalAws, start_server, wait_until
from tests.local.operations.steps import done

from ds_ec2.aws.account import Account, Keys, open_account
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import SSM_STATUS, TAG_STACK, ssm_path
from ds_ec2.model.offers import Market
from ds_ec2.model.requests import DataFate, DownRequest, UpRequest
from ds_ec2.model.wishes import SpotPolicy, Wish
from ds_ec2.operations.capacity import NoCapacityError
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.leftovers import look
from ds_ec2.operations.listing import list_all
from ds_ec2.operations.power import start, stop
from ds_ec2.operations.up import apply_up, plan_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.aws.spot_requests import SpotRequest
    from ds_ec2.model.machine import Machine

pytestmark = pytest.mark.local
TYPE = "m7i.large"
SPOT = Wish(types=(TYPE,), spot=SpotPolicy.SPOT)


class Machines:
    """What the machines would say: reachable, then JupyterLab answers; at each boot anew."""

    def __init__(self, aws: LocalAws) -> None:
        self._stacks, self._ssm, self._ec2 = (aws.client(one) for one in ("cloudformation", "ssm", "ec2"))
        self.fails = False
        self._told: dict[str, Any] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.2):
            for page in self._ec2.get_paginator("describe_instances").paginate(
                Filters=[
                    {"Name": "tag:ds-ec2:part", "Values": ["machine"]},
                    {"Name": "instance-state-name", "Values": ["running"]},
                ]
            ):
                for one in (one for each in page["Reservations"] for one in each["Instances"]):
                    self._speak(one)

    def _speak(self, instance: Any) -> None:
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        stack, name = tags["aws:cloudformation:stack-name"], instance["InstanceId"]
        if self._told.get(name) == instance["LaunchTime"]:
            return
        try:
            handle = self._stacks.describe_stack_resource(StackName=stack, LogicalResourceId="ReadyHandle")
        except self._stacks.exceptions.ClientError:
            return  # its stack is gone
        url = handle["StackResourceDetail"]["PhysicalResourceId"]
        word = {
            "Status": "FAILURE" if self.fails else "SUCCESS",
            "UniqueId": name,
            "Data": "x",
            "Reason": "no",
        }
        self._told[name] = instance["LaunchTime"]
        try:
            urlopen(Request(url, json.dumps(word).encode(), method="PUT"), timeout=10).close()  # noqa: S310 - our own loopback address
        except HTTPError:
            return  # its stack goes just now
        if self.fails:
            return
        stages = [{"name": "jupyter", "state": "done", "started_at": time.time(), "seconds": 1.0}]
        value = json.dumps({"boot": str(time.time()), "stages": stages})
        path = ssm_path(stack, SSM_STATUS)
        self._ssm.put_parameter(Name=path, Value=value, Type="String", Overwrite=True)

    def close(self) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """One of its own: the functions of its network end every spot request that has no stack."""
    server = start_server(tmp_path_factory.mktemp("spot"), "--records-only", "--clock-scale", "60")
    yield server
    server.close()


@pytest.fixture(scope="module")
def here(aws: LocalAws) -> Account:
    keys = Keys(ANA, "any")
    return open_account("us-east-1", endpoint=aws.endpoint_url, keys=keys, flags=" --local")


@pytest.fixture
def machines(aws: LocalAws) -> Iterator[Machines]:
    speaking = Machines(aws)
    yield speaking
    aws.call("DELETE", "/_local/faults")
    speaking.close()


def requests(account: Account, name: str) -> list[SpotRequest]:
    return list(account.spot_requests.find({f"tag:{TAG_STACK}": [f"ds-ec2-ana-{name}"]}))


def listed(account: Account, name: str) -> Machine:
    (machine,) = (one for one in list_all(account).machines if one.name == name)
    return machine


def test_the_life_of_a_spot_machine(aws: LocalAws, here: Account, machines: Machines) -> None:
    plan = plan_up(here, UpRequest(name="life", wish=SPOT))
    made = done(apply_up(here, plan))
    assert (made.market, made.status, made.zone) == (Market.SPOT, MachineStatus.RUNNING, "us-east-1b")
    assert plan.price is not None
    assert (made.usd_per_hour, made.usd_at_most) == (plan.price.usd, False)
    (request,) = requests(here, "life")
    assert (request.state, request.code, request.instance) == ("active", "fulfilled", made.instance_id)
    assert request.tags is not None
    assert request.tags["ds-ec2:name"] == "life"

    # Stopped by us: it stays so, and can be started.
    done(stop(here, "life"))
    found = listed(here, "life")
    assert (found.status, found.interruption) == (MachineStatus.STOPPED, None)
    assert found.usd_per_hour == plan.price.usd
    assert requests(here, "life")[0].state == "disabled"
    assert done(start(here, "life")).status is MachineStatus.RUNNING

    # Taken back by EC2: seen, not to be started by us, and back by itself.
    aws.call("POST", "/_local/faults", {"interrupt_spot": [{"instance_type": TYPE}]})
    taken = wait_until(lambda: listed(here, "life").interruption)
    assert taken.code == "instance-stopped-no-capacity"
    with pytest.raises(DsEc2Error, match="only EC2 can start life again") as refused:
        done(start(here, "life"))
    assert "instance-stopped-no-capacity" in refused.value.why
    aws.call("DELETE", "/_local/faults")
    wait_until(lambda: listed(here, "life").status is MachineStatus.RUNNING)

    # Removed: its request too, and nothing comes after it.
    result = done(apply_down(here, plan_down(here, DownRequest("life", DataFate.DELETE))))
    assert result.leftovers == ()
    assert [one.state for one in requests(here, "life")] == ["cancelled"]
    assert machines.fails is False


def test_a_stopped_spot_machine_goes_with_its_data_kept(here: Account, machines: Machines) -> None:
    done(apply_up(here, plan_up(here, UpRequest(name="idle", wish=SPOT))))
    done(stop(here, "idle"))
    result = done(apply_down(here, plan_down(here, DownRequest("idle", DataFate.KEEP_SNAPSHOT))))
    assert [(one.kind, one.meant) for one in result.leftovers] == [("snapshot", True)]
    assert [one.state for one in requests(here, "idle")] == ["cancelled"]
    assert machines.fails is False


def test_a_machine_that_could_not_be_made_leaves_no_request(here: Account, machines: Machines) -> None:
    machines.fails = True
    with pytest.raises(DsEc2Error, match="could not be made"):
        done(apply_up(here, plan_up(here, UpRequest(name="fails", wish=SPOT))))
    assert look(here, "ana", "fails", frozenset()) == ()
    time.sleep(1)  # thrice what another machine takes
    assert look(here, "ana", "fails", frozenset()) == ()
    # Its profile may be gone before another machine is launched: then EC2 gives the request up.
    assert {one.state for one in requests(here, "fails")} <= {"cancelled", "failed"}


def test_no_capacity_on_the_spot_market_leaves_nothing(
    aws: LocalAws, here: Account, machines: Machines
) -> None:
    plan = plan_up(here, UpRequest(name="none", wish=SPOT))
    aws.call("POST", "/_local/faults", {"interrupt_spot": [{"instance_type": TYPE}]})
    with pytest.raises(NoCapacityError) as failed:
        done(apply_up(here, plan))
    assert [one.title for one in failed.value.tried] == [one.title for one in plan.attempts]
    assert all("no Spot capacity" in one.words for one in failed.value.tried)
    assert look(here, "ana", "none", frozenset()) == ()
    assert machines.fails is False


def test_the_account_ends_a_machine_that_no_stack_knows_and_no_other(
    aws: LocalAws, here: Account, machines: Machines
) -> None:
    for name in ("kept", "lost"):
        done(apply_up(here, plan_up(here, UpRequest(name=name, wish=SPOT))))
    kept = done(stop(here, "kept"))
    # Somebody terminates a machine in the console, and its request launches another one.
    (before,) = requests(here, "lost")
    here.ec2.terminate(before.instance)
    other = wait_until(
        lambda: next(
            (one.instance for one in requests(here, "lost") if one.instance != before.instance), None
        )
    )
    assert listed(here, "lost").status is MachineStatus.GONE
    aws.call("POST", "/_local/tick")
    wait_until(lambda: {one.state for one in requests(here, "lost")} == {"cancelled"})
    wait_until(lambda: here.ec2.instance(other).state == "terminated")
    assert requests(here, "kept")[0].state == "disabled"
    assert here.ec2.instance(kept.instance_id).state == "stopped"
    for name in ("kept", "lost"):
        done(apply_down(here, plan_down(here, DownRequest(name, DataFate.DELETE))))
    assert machines.fails is False
