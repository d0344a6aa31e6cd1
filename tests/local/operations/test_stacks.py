"""Stacks on the embedded AWS: made, awaited, failed, finished and removed. No machine boots here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.operations.steps import done

from ds_ec2.errors import DsEc2Error, NotFoundError
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import NETWORK_STACK, TAG_KEPT, DataParameter, data_stack
from ds_ec2.model.plans import StackAction, StackPlan
from ds_ec2.model.requests import DataFate, DownRequest, NetworkRequest, UpRequest
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.capacity import NoCapacityError
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.machines import find, list_machines
from ds_ec2.operations.network import (
    apply_network_down,
    apply_network_up,
    plan_network_down,
    plan_network_up,
    show_network,
)
from ds_ec2.operations.stacks import StackFailedError, make_stack, remove_stack, stack_tags
from ds_ec2.operations.up import apply_up, plan_up

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from types_boto3_s3 import S3Client

    from ds_ec2.aws.account import Account

    Faults = Callable[..., None]

pytestmark = pytest.mark.local


def data_plan(name: str, gib: int = 5) -> StackPlan:
    parameters = {
        DataParameter.NAME: name,
        DataParameter.OWNER: "ana",
        DataParameter.ZONE: "us-east-1a",
        DataParameter.SIZE_GIB: str(gib),
    }
    return StackPlan(data_stack("ana", name), "data", StackAction.MAKE, tuple(parameters.items()))


def make_data(account: Account, name: str) -> Generator[Step, None, Any]:
    plan = data_plan(name)
    return make_stack(account, plan, dict(plan.parameters), stack_tags("data", "ana", name))


@pytest.fixture(scope="module")
def network(account: Account) -> Iterator[str]:
    """A network for this module."""
    yield done(apply_network_up(account, plan_network_up(account, NetworkRequest()))).vpc_id
    done(apply_network_down(account, plan_network_down(account)))
    with pytest.raises(NotFoundError):
        show_network(account)


def test_a_stack_is_made_protected_kept_and_removed(account: Account) -> None:
    steps = list(make_data(account, "one"))
    assert steps[0].state is StepState.RUNNING
    assert steps[-1].state is StepState.DONE
    assert any("AWS::EC2::Volume" in step.detail for step in steps)
    stack = account.stacks.find(data_stack("ana", "one"))
    assert stack is not None
    with pytest.raises(DsEc2Error, match="DeleteStack"):
        account.stacks.remove(stack.name)
    again = done(make_data(account, "one"))
    assert again.id == stack.id
    done(remove_stack(account, stack, "data"))
    assert account.stacks.find(data_stack("ana", "one")) is None


def test_data_without_a_machine_is_listed_and_removed_with_a_snapshot(account: Account) -> None:
    volume = done(make_data(account, "alone")).outputs["DataVolumeId"]
    machine = find(account, "alone")
    assert (machine.status, machine.disk_gib, machine.zone) == (MachineStatus.DATA_ONLY, 5, "us-east-1a")
    plan = plan_down(account, DownRequest("alone"))
    assert (plan.data_volume, plan.data, plan.data_gib) == (volume, None, 5)
    assert plan.snapshot_usd_per_month == pytest.approx(0.25)
    with pytest.raises(DsEc2Error, match="is not said"):
        done(apply_down(account, plan))
    result = done(apply_down(account, replace(plan, data=DataFate.KEEP_SNAPSHOT)))
    (snapshot,) = result.leftovers
    assert (snapshot.kind, snapshot.meant) == ("snapshot", True)
    assert [one.id for one in account.ec2.snapshots({"tag-key": [TAG_KEPT]})] == [snapshot.id]
    assert account.ec2.volumes({"volume-id": [volume]}) == ()
    account.ec2.delete_snapshot(snapshot.id)


def test_a_stack_that_fails_tells_the_reason_and_is_gone(account: Account, faults: Faults) -> None:
    faults(fail_action={"ec2:CreateVolume": ["VolumeLimitExceeded", 400, "You have too many volumes"]})
    with pytest.raises(StackFailedError, match="nothing of it stays") as caught:
        done(make_data(account, "broken"))
    assert "You have too many volumes" in caught.value.why
    assert "ebs" in caught.value.hint
    assert account.stacks.find(data_stack("ana", "broken")) is None


def test_what_was_interrupted_is_finished_by_the_next_command(account: Account) -> None:
    steps = make_data(account, "cut")
    next(steps)
    next(steps)
    steps.close()
    assert done(make_data(account, "cut")).usable
    steps = apply_down(account, plan_down(account, DownRequest("cut", DataFate.DELETE)))
    while next(steps).key != "remove-data":
        pass
    steps.close()
    if any(machine.name == "cut" for machine in list_machines(account)):
        done(apply_down(account, plan_down(account, DownRequest("cut", DataFate.DELETE))))
    assert all(machine.name != "cut" for machine in list_machines(account))


def test_a_network_that_two_make_at_once_is_made_once(account: Account, s3: S3Client) -> None:
    plan = plan_network_up(account, NetworkRequest())
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: done(apply_network_up(account, plan)), range(2))
    assert first.vpc_id == second.vpc_id
    assert len(first.subnets) == len(first.zones) == 6
    assert first.machines == ()
    assert first.bill.usd_per_month_stopped == pytest.approx(0.64)
    # Its policy refuses requests without TLS; loopback counts as TLS.
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=first.bucket)["Policy"]
    s3.put_object(Bucket=first.bucket, Key="a/b", Body=b"x")
    assert s3.get_object(Bucket=first.bucket, Key="a/b")["Body"].read() == b"x"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=first.bucket)["Contents"]] == ["a/b"]
    down = plan_network_down(account)
    assert down.objects >= 1
    done(apply_network_down(account, down))
    assert account.stacks.find(NETWORK_STACK) is None


@pytest.mark.usefixtures("network")
def test_without_capacity_nothing_half_made_stays(account: Account, faults: Faults) -> None:
    faults(insufficient_capacity=[{"instance_type": "m7i.large"}])
    zone = "us-east-1a"
    plan = plan_up(account, UpRequest("none", instance_type="m7i.large", zone=zone, data_gib=1, hold=False))
    assert plan.network.action is StackAction.KEEP
    with pytest.raises(NoCapacityError) as caught:
        done(apply_up(account, plan))
    assert "do not have sufficient m7i.large capacity" in caught.value.why
    assert list_machines(account) == ()
    assert account.ec2.volumes({"tag:ds-ec2:name": ["none"]}) == ()


@pytest.mark.usefixtures("network")
def test_without_capacity_the_data_of_an_earlier_machine_stays(account: Account, faults: Faults) -> None:
    volume = done(make_data(account, "kept")).outputs["DataVolumeId"]
    faults(insufficient_capacity=[{"instance_type": "m7i.large"}])
    plan = plan_up(account, UpRequest("kept", instance_type="m7i.large", data_gib=99, hold=False))
    assert (plan.data.action, plan.data_gib, plan.zone) == (StackAction.KEEP, 5, "us-east-1a")
    assert any("used again" in note for note in plan.notes)
    with pytest.raises(NoCapacityError):
        done(apply_up(account, plan))
    assert len(account.ec2.volumes({"volume-id": [volume]})) == 1
    done(apply_down(account, plan_down(account, DownRequest("kept", DataFate.DELETE))))
