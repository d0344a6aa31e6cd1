"""Plans only read: what `up --dry-run` shows, and what it refuses before anything is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from ds_ec2.errors import DsEc2Error, NotFoundError, UsageError
from ds_ec2.model.names import DataParameter, MachineParameter, NetworkParameter
from ds_ec2.model.plans import StackAction
from ds_ec2.model.requests import DownRequest, NetworkRequest, UpRequest
from ds_ec2.operations.down import plan_down
from ds_ec2.operations.machines import list_machines
from ds_ec2.operations.network import plan_network_down, plan_network_up, show_network
from ds_ec2.operations.up import apply_up, plan_up
from ds_ec2.templates import code, template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ds_ec2.aws.account import Account

    Faults = Callable[..., None]

pytestmark = pytest.mark.local


@pytest.fixture(autouse=True)
def nothing_is_made(account: Account) -> None:
    """Every test here starts, and so every earlier one ended, without a stack."""
    assert list_machines(account) == ()


def test_a_plan_says_everything_that_would_be_made(account: Account) -> None:
    plan = plan_up(account, UpRequest(instance_type="m7i.large", idle_minutes=30, data_gib=20))
    assert (plan.owner, plan.region, plan.account_id) == ("ana", "us-east-1", "123456789012")
    assert [stack.name for stack in (plan.network, plan.data, plan.machine)] == [
        "ds-ec2-network",
        "ds-ec2-ana-work-data",
        "ds-ec2-ana-work",
    ]
    assert {plan.network.action, plan.data.action, plan.machine.action} == {StackAction.MAKE}
    network, data, machine = (dict(one.parameters) for one in (plan.network, plan.data, plan.machine))
    assert plan.zone in {network[name] for name in NetworkParameter.ZONES}
    assert network[NetworkParameter.WAY_OUT_IMAGE].startswith("ami-")
    assert data[DataParameter.ZONE] == plan.zone
    assert data[DataParameter.SIZE_GIB] == "20"
    assert machine[MachineParameter.IMAGE] == plan.image.id
    assert machine[MachineParameter.ROOT_DEVICE] == "/dev/xvda"
    assert machine[MachineParameter.IDLE_MINUTES] == "30"
    assert int(machine[MachineParameter.ROOT_GIB]) > plan.image.root_gib
    assert plan.bill.usd_per_hour_running is not None
    assert plan.bill.usd_per_hour_running > 0.1008
    assert plan.quota is not None
    assert plan.quota.enough
    assert any("network" in note for note in plan.notes)


def test_a_plan_gives_each_template_the_parameters_it_has(account: Account) -> None:
    plan = plan_up(account, UpRequest())
    for stack in (plan.network, plan.data, plan.machine):
        known = json.loads(template(stack.part))["Parameters"]
        given = {*dict(stack.parameters), *stack.later}
        given |= set(code()) if stack is plan.machine else set()
        assert given <= set(known)
        assert {name for name, rule in known.items() if "Default" not in rule} <= given


@pytest.mark.parametrize(
    ("instance_type", "architecture", "source"),
    [
        ("m7i.large", "x86_64", "al2023-ami-kernel-default-x86_64"),
        ("m7g.large", "arm64", "al2023-ami-kernel-default-arm64"),
        ("g5.xlarge", "x86_64", "base-oss-nvidia-driver-gpu-amazon-linux-2023"),
        ("g6f.large", "x86_64", "base-oss-nvidia-driver-gpu-amazon-linux-2023"),
        ("hpc7g.4xlarge", "arm64", "al2023-ami-kernel-default-arm64"),
    ],
)
def test_the_image_fits_what_describe_instance_types_says(
    account: Account, instance_type: str, architecture: str, source: str
) -> None:
    image = plan_up(account, UpRequest(instance_type=instance_type)).image
    assert image.architecture == architecture
    assert source in image.source


def test_a_named_image_of_the_types_architecture_is_taken(account: Account) -> None:
    image = plan_up(account, UpRequest(instance_type="m7g.large")).image
    assert plan_up(account, UpRequest(instance_type="t4g.large", image=image.id)).image.id == image.id


def test_a_gpu_type_on_an_arm_image_is_refused(account: Account) -> None:
    image = plan_up(account, UpRequest(instance_type="m7g.large")).image
    with pytest.raises(UsageError, match=r"does not run on g5\.xlarge") as caught:
        plan_up(account, UpRequest(instance_type="g5.xlarge", image=image.id))
    assert caught.value.why == "the image is arm64, the type x86_64"
    assert caught.value.exit_code == 2


def test_an_unknown_type_is_refused_with_near_names(account: Account) -> None:
    with pytest.raises(UsageError, match=r"no instance type 'g5\.xlrge'") as caught:
        plan_up(account, UpRequest(instance_type="g5.xlrge"))
    assert "g5.xlarge" in caught.value.why
    assert caught.value.hint == "ds-ec2 up --instance-type g5.xlarge --local"


@pytest.mark.parametrize("name", ["hpc7g.4xlarge", "g4ad.xlarge"])
def test_a_region_without_the_type_is_told_apart_from_an_unknown_type(
    other_region: Account, name: str
) -> None:
    with pytest.raises(UsageError, match=f"us-west-1 does not sell {name}") as caught:
        plan_up(other_region, UpRequest(instance_type=name))
    assert "--region" in caught.value.hint


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (UpRequest(image="ami-0000000000000bad0"), "no image ami-0000000000000bad0"),
        (UpRequest(zone="us-east-1z"), "us-east-1z does not sell"),
        (UpRequest(root_gib=4), "too small"),
        (UpRequest(name="Work!"), "cannot name a machine"),
    ],
)
def test_a_wrong_request_is_refused_with_a_hint(account: Account, request_: UpRequest, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        plan_up(account, request_)
    assert caught.value.hint


def test_a_bad_list_is_refused_before_aws_is_asked(tmp_path: Path, account: Account) -> None:
    path = tmp_path / "packages.txt"
    path.write_text("numpy\nrm -rf /; echo\n")
    with pytest.raises(UsageError, match="line 2"):
        plan_up(account, UpRequest(packages=path))


def test_a_quota_of_zero_is_in_the_plan_and_stops_the_apply(account: Account, faults: Faults) -> None:
    faults(quota={"L-DB2E81BA": 0})
    plan = plan_up(account, UpRequest(instance_type="g5.xlarge"))
    assert plan.quota is not None
    assert not plan.quota.enough
    assert any("L-DB2E81BA" in note for note in plan.notes)
    with pytest.raises(DsEc2Error, match=r"may not run g5\.xlarge") as caught:
        next(apply_up(account, plan))
    assert caught.value.hint == "ds-ec2 quota request --instance-type g5.xlarge --local"


def test_a_region_without_room_for_a_vpc_is_told_before_anything_is_made(
    account: Account, faults: Faults
) -> None:
    assert account.keys is not None
    ec2 = boto3.client(
        "ec2", region_name="us-east-2", endpoint_url=account.endpoint,
        aws_access_key_id=account.keys.id, aws_secret_access_key=account.keys.secret,
    )  # fmt: skip
    made = [ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in range(4)]
    there = account.elsewhere("us-east-2")
    with pytest.raises(DsEc2Error, match="us-east-2 has no room for the network") as caught:
        plan_up(there, UpRequest())
    assert "5 of 5 VPCs" in caught.value.why
    assert "--quota-code L-F678F1CE --desired-value 6 --region us-east-2" in caught.value.hint
    faults(quota={"L-F678F1CE": 6})
    assert plan_up(there, UpRequest()).network.action is StackAction.MAKE
    for vpc in made:
        ec2.delete_vpc(VpcId=vpc)
    ec2.close()


def test_a_denial_names_action_and_statement(account: Account, faults: Faults) -> None:
    message = "User: ana is not authorized to perform: ec2:DescribeAvailabilityZones on resource: *"
    faults(fail_action={"ec2:DescribeAvailabilityZones": ["UnauthorizedOperation", 403, message]})
    with pytest.raises(DsEc2Error, match="AWS denies ec2:DescribeAvailabilityZones") as caught:
        plan_up(account, UpRequest())
    assert '"Action": "ec2:DescribeAvailabilityZones"' in caught.value.hint


def test_expired_credentials_are_told(account: Account, faults: Faults) -> None:
    faults(fail_action={"sts:GetCallerIdentity": ["ExpiredToken", 403, "The security token is expired"]})
    with pytest.raises(DsEc2Error, match="expired") as caught:
        plan_up(account, UpRequest())
    assert "aws sso login" in caught.value.hint


def test_throttling_is_told_after_several_tries(account: Account, faults: Faults) -> None:
    faults(throttle={"service": "cloudformation", "rate": 1})
    with pytest.raises(DsEc2Error, match="throttles DescribeStacks"):
        list_machines(account)


def test_a_network_plan_has_zones_and_a_price(account: Account) -> None:
    plan = plan_network_up(account, NetworkRequest(vpc_cidr="10.7.0.0/16"))
    assert len(plan.zones) == 6
    assert dict(plan.stack.parameters)[NetworkParameter.VPC_CIDR] == "10.7.0.0/16"
    assert plan.bill.usd_per_month_stopped == pytest.approx(0.64)


def test_what_is_not_there_is_told_with_the_command_that_makes_it(account: Account) -> None:
    for ask in (show_network, plan_network_down):
        with pytest.raises(NotFoundError, match="no network in us-east-1") as caught:
            ask(account)
        assert "ds-ec2 network up --local" in caught.value.hint
    with pytest.raises(NotFoundError, match="no machine work") as caught:
        plan_down(account, DownRequest("work"))
    assert caught.value.hint == "ds-ec2 up work --local"
