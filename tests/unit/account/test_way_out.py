"""The function that follows the machines, against an EC2 that is a few lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ds_ec2_account.way_out import GRACE, close_group, follow

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
VPC = "vpc-1"
WAY_OUT = "i-way-out"


class FakeEc2:
    """EC2 as far as the function uses it: filters, pages of one instance, a record of what was asked."""

    def __init__(
        self, way_out: str | None, *machines: tuple[str, str, str], age: timedelta = 2 * GRACE
    ) -> None:
        self.instances = [
            {"id": f"i-{index}", "vpc-id": vpc, "tag:ds-ec2:part": part, "state": state}
            for index, (vpc, part, state) in enumerate(machines)
        ]
        if way_out:
            self.instances.append(
                {"id": WAY_OUT, "vpc-id": VPC, "tag:ds-ec2:part": "network", "state": way_out}
            )
        self.launched = NOW - age
        self.calls: list[tuple[str, ...]] = []

    def get_paginator(self, operation: str) -> FakeEc2:
        assert operation == "describe_instances"
        return self

    def paginate(self, Filters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:  # noqa: N803 - AWS's names
        for one in self.instances:
            if all(self._value(one, f) in f["Values"] for f in Filters):
                state = {"Name": one["state"]}
                shown = {"InstanceId": one["id"], "State": state, "LaunchTime": self.launched}
                yield {"Reservations": [{"Instances": [shown]}]}

    @staticmethod
    def _value(one: dict[str, str], wanted: dict[str, Any]) -> str:
        return one["id"] if wanted["Name"] == "instance-id" else one[wanted["Name"]]

    def start_instances(self, InstanceIds: list[str]) -> None:  # noqa: N803 - AWS's names
        self.calls.append(("start", *InstanceIds))

    def stop_instances(self, InstanceIds: list[str]) -> None:  # noqa: N803 - AWS's names
        self.calls.append(("stop", *InstanceIds))


def machine(state: str, vpc: str = VPC, part: str = "machine") -> tuple[str, str, str]:
    return vpc, part, state


@pytest.mark.parametrize("sweep", [True, False])
@pytest.mark.parametrize("state", ["pending", "running"])
@pytest.mark.parametrize("part", ["machine", "all-in-one"])
def test_a_machine_wakes_the_way_out(part: str, state: str, sweep: bool) -> None:  # noqa: FBT001 - parametrized
    ec2 = FakeEc2("stopped", machine("stopped"), machine(state, part=part))
    assert follow(ec2, VPC, WAY_OUT, NOW, sweep=sweep) == "started"
    assert ec2.calls == [("start", WAY_OUT)]


@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_way_out_that_is_up_is_left_alone(state: str) -> None:
    ec2 = FakeEc2(state, machine("running"))
    assert follow(ec2, VPC, WAY_OUT, NOW, sweep=True) == f"needed, {state}"
    assert ec2.calls == []


def test_a_way_out_that_is_stopping_waits_for_its_own_event() -> None:
    ec2 = FakeEc2("stopping", machine("pending"))
    assert follow(ec2, VPC, WAY_OUT, NOW, sweep=False) == "needed, stopping"
    assert ec2.calls == []
    ec2.instances[-1]["state"] = "stopped"
    assert follow(ec2, VPC, WAY_OUT, NOW, sweep=False) == "started"


@pytest.mark.parametrize(
    "others",
    [
        (),
        (machine("stopped"),),
        (machine("terminated"),),
        (machine("running", vpc="vpc-2"),),
        (machine("running", part="data"),),
    ],
)
def test_the_sweep_stops_it_when_nothing_runs(others: tuple[tuple[str, str, str], ...]) -> None:
    ec2 = FakeEc2("running", *others)
    assert follow(ec2, VPC, WAY_OUT, NOW, sweep=True) == "stopped"
    assert ec2.calls == [("stop", WAY_OUT)]


def test_an_event_alone_stops_nothing_so_that_a_restart_finds_it_running() -> None:
    ec2 = FakeEc2("running", machine("stopped"))
    follow(ec2, VPC, WAY_OUT, NOW, sweep=False)
    assert ec2.calls == []


@pytest.mark.parametrize("state", ["stopping", "shutting-down"])
def test_a_machine_that_is_just_going_keeps_it(state: str) -> None:
    ec2 = FakeEc2("running", machine(state))
    follow(ec2, VPC, WAY_OUT, NOW, sweep=True)
    assert ec2.calls == []


def test_a_way_out_started_for_a_machine_to_come_is_given_time() -> None:
    young = FakeEc2("running", age=GRACE - timedelta(seconds=1))
    follow(young, VPC, WAY_OUT, NOW, sweep=True)
    assert young.calls == []
    old = FakeEc2("running", age=GRACE)
    follow(old, VPC, WAY_OUT, NOW, sweep=True)
    assert old.calls == [("stop", WAY_OUT)]


def test_it_does_not_count_itself() -> None:
    ec2 = FakeEc2("running")
    ec2.instances[0]["tag:ds-ec2:part"] = "all-in-one"  # as a stack's own tags would have it
    assert follow(ec2, VPC, WAY_OUT, NOW, sweep=True) == "stopped"


def test_a_way_out_that_is_gone_is_an_error_in_the_log() -> None:
    with pytest.raises(LookupError, match=WAY_OUT):
        follow(FakeEc2(None, machine("running")), VPC, WAY_OUT, NOW, sweep=False)


class FakeGroups:
    """A default security group as EC2 makes it."""

    def __init__(self) -> None:
        self.rules: dict[str, list[dict[str, Any]]] = {
            "in": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "1"}]}],
            "out": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        }

    def describe_security_groups(self, GroupIds: list[str]) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert GroupIds == ["sg-1"]
        return {
            "SecurityGroups": [
                {"IpPermissions": list(self.rules["in"]), "IpPermissionsEgress": list(self.rules["out"])}
            ]
        }

    def revoke_security_group_ingress(self, GroupId: str, IpPermissions: list[dict[str, Any]]) -> None:  # noqa: N803 - AWS's names
        self._revoke("in", GroupId, IpPermissions)

    def revoke_security_group_egress(self, GroupId: str, IpPermissions: list[dict[str, Any]]) -> None:  # noqa: N803 - AWS's names
        self._revoke("out", GroupId, IpPermissions)

    def _revoke(self, way: str, group: str, rules: list[dict[str, Any]]) -> None:
        assert group == "sg-1"
        assert rules  # EC2 refuses an empty list
        self.rules[way] = [rule for rule in self.rules[way] if rule not in rules]


def test_the_default_group_is_closed_once() -> None:
    groups = FakeGroups()
    assert close_group(groups, "sg-1")
    assert groups.rules == {"in": [], "out": []}
    assert not close_group(groups, "sg-1")
