"""Stacks that somebody else changes, or has left half-way: told before anything is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pytest
from tests.local.conftest import wait_until
from tests.local.operations.steps import done

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import TAG_MANAGED_BY, TAG_NAME, TAG_OWNER, TAG_PART
from ds_ec2.model.requests import DataFate, DownRequest, NetworkRequest, UpRequest
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.machines import find, list_machines
from ds_ec2.operations.network import apply_network_down, plan_network_down, plan_network_up
from ds_ec2.operations.power import start, stop
from ds_ec2.operations.up import plan_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ds_ec2.aws.account import Account

    Faults = Callable[..., None]

pytestmark = pytest.mark.local

NAMES = {"network": "ds-ec2-network", "data": "ds-ec2-ana-odd-data", "machine": "ds-ec2-ana-odd"}
HANDLE = {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
WAIT = {
    "Wait": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "600"},
        "DependsOn": "Value",
    }
}


def template(value: str, *, waits: bool = False) -> str:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    return json.dumps({"Resources": {**HANDLE, "Value": parameter} | (WAIT if waits else {})})


class Somebody:
    """Another user of the account, who works on a stack of ours with other tools."""

    def __init__(self, account: Account, part: str) -> None:
        assert account.keys is not None
        self.name = NAMES[part]
        self._client: Any = boto3.client(
            "cloudformation",
            region_name=account.region,
            endpoint_url=account.endpoint,
            aws_access_key_id=account.keys.id,
            aws_secret_access_key=account.keys.secret,
        )
        tags = {TAG_MANAGED_BY: "ds-ec2", TAG_PART: part}
        if part != "network":
            tags |= {TAG_OWNER: "ana", TAG_NAME: "odd"}
        self._tags = [{"Key": key, "Value": value} for key, value in tags.items()]

    def review(self) -> None:
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName="later",
            ChangeSetType="CREATE",
            TemplateBody=template("a"),
            Tags=self._tags,
        )
        self.reaches("REVIEW_IN_PROGRESS")

    def update(self) -> None:
        self._client.create_stack(StackName=self.name, TemplateBody=template("a"), Tags=self._tags)
        self.reaches("CREATE_COMPLETE")
        self._client.update_stack(
            StackName=self.name, TemplateBody=template("b", waits=True), Tags=self._tags
        )
        self.reaches("UPDATE_IN_PROGRESS")
        wait_until(lambda: "Wait" in self._resources())

    def get_stuck(self, faults: Faults) -> None:
        self.update()
        faults(fail_action={"ssm:PutParameter": ["InternalServerError", 500, "out of order"]})
        self.signal("FAILURE")
        self.reaches("UPDATE_ROLLBACK_FAILED")
        faults(fail_action={})

    def signal(self, status: str) -> None:
        signal = {"Status": status, "UniqueId": "1", "Data": "", "Reason": "as asked"}
        url = self._resources()["Handle"]
        with urlopen(Request(url, json.dumps(signal).encode(), method="PUT"), timeout=10) as answer:  # noqa: S310 - our own loopback address
            answer.read()

    def reaches(self, status: str) -> None:
        wait_until(lambda: self.status() == status)

    def status(self) -> str:
        found = self._client.describe_stacks()["Stacks"]
        return next((one["StackStatus"] for one in found if one["StackName"] == self.name), "")

    def clear(self) -> None:
        if self.status() == "UPDATE_IN_PROGRESS":
            self.signal("SUCCESS")
            wait_until(lambda: not self.status().endswith("_IN_PROGRESS"))
        self._client.delete_stack(StackName=self.name)
        wait_until(lambda: not self.status())
        self._client.close()

    def _resources(self) -> dict[str, str]:
        found = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found}


@pytest.fixture(params=list(NAMES))
def part(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def somebody(account: Account, part: str) -> Iterator[Somebody]:
    them = Somebody(account, part)
    yield them
    them.clear()


def refused(words: str, operation: Callable[[], object]) -> None:
    with pytest.raises(DsEc2Error, match=words) as caught:
        operation()
    assert caught.value.why
    assert caught.value.hint


def test_an_update_of_somebody_else_is_left_alone(account: Account, somebody: Somebody, part: str) -> None:
    somebody.update()
    busy = f"{somebody.name} is being changed by somebody else"
    refused(busy, lambda: plan_up(account, UpRequest(name="odd")))
    if part == "network":
        refused(busy, lambda: plan_network_up(account, NetworkRequest()))
        refused(busy, lambda: plan_network_down(account))
        return
    refused(busy, lambda: plan_down(account, DownRequest("odd", DataFate.DELETE)))
    for power in (stop, start):
        refused(busy, lambda power=power: list(power(account, "odd")))  # type: ignore[misc] # bound now
    assert somebody.status() == "UPDATE_IN_PROGRESS"


def test_a_change_set_that_nobody_executed_is_told_and_removed(
    account: Account, somebody: Somebody, part: str
) -> None:
    somebody.review()
    refused("waits for a change set", lambda: plan_up(account, UpRequest(name="odd")))
    if part == "network":
        done(apply_network_down(account, plan_network_down(account)))
    else:
        if part == "machine":
            assert find(account, "odd").status is MachineStatus.PROPOSED
        refused("odd is", lambda: list(stop(account, "odd")))
        done(apply_down(account, plan_down(account, DownRequest("odd", DataFate.DELETE))))
        assert all(machine.name != "odd" for machine in list_machines(account))
    assert somebody.status() == ""


def test_an_update_that_is_stuck_is_told_and_removed(
    account: Account, somebody: Somebody, part: str, faults: Faults
) -> None:
    somebody.get_stuck(faults)
    refused("half-way back", lambda: plan_up(account, UpRequest(name="odd")))
    if part == "network":
        done(apply_network_down(account, plan_network_down(account)))
    else:
        refused("odd is", lambda: list(stop(account, "odd")))
        done(apply_down(account, plan_down(account, DownRequest("odd", DataFate.DELETE))))
    assert somebody.status() == ""
