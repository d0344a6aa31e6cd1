"""`doctor` on an embedded AWS that is told to fail, one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest

from ds_ec2.aws.account import Keys
from ds_ec2.console.health import health_table
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.health import CheckState, Health
from ds_ec2.model.requests import UpRequest
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import Wish
from ds_ec2.operations.doctor import examine, examine_regions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.aws.account import Account

    Faults = Callable[..., None]

pytestmark = pytest.mark.local
GPU = UpRequest(wish=Wish(parse_gpu("24GB..")))


def states(health: Health) -> dict[str, CheckState]:
    return {check.name: check.state for check in health.checks}


def failed(health: Health) -> dict[str, str]:
    return {one.name: f"{one.detail} -> {one.fix}" for one in health.checks if one.state is CheckState.FAILED}


def test_a_new_account_is_well(account: Account) -> None:
    health = examine(account, GPU)
    assert health.ok
    assert states(health) == {
        "credentials": CheckState.OK,
        "stacks": CheckState.OK,
        "network": CheckState.OK,
        "type": CheckState.OK,
        "quota": CheckState.OK,
        "image": CheckState.OK,
        "launch": CheckState.UNKNOWN,
        "catalogue": CheckState.WARNING,
    }
    assert "g6.xlarge is sold in us-east-1a" in health_table(health)


def test_credentials_that_have_expired_are_the_only_thing_told(account: Account) -> None:
    health = examine(replace(account, keys=Keys("ASIALOCALEXPIRED0000", "any")), GPU)
    assert list(failed(health)) == ["credentials"]
    assert len(health.checks) == 1
    assert "aws sso login" in health_table(health)


def test_a_quota_of_zero_comes_with_the_command_that_asks_for_more(account: Account, faults: Faults) -> None:
    faults(quota={"L-DB2E81BA": 0})
    told = failed(examine(account, GPU))
    assert list(told) == ["quota"]
    assert "request-service-quota-increase" in told["quota"]


@pytest.mark.parametrize(
    ("action", "check"),
    [
        ("cloudformation:DescribeStacks", "stacks"),
        ("ec2:DescribeVpcs", "network"),
        ("ec2:DescribeInstanceTypeOfferings", "type"),
        ("servicequotas:GetServiceQuota", "quota"),
        ("ec2:DescribeImages", "image"),
    ],
)
def test_what_is_denied_fails_its_check_and_names_the_statement(
    account: Account, faults: Faults, action: str, check: str
) -> None:
    message = f"User: ana is not authorized to perform: {action} on resource: *"
    faults(fail_action={action: ["AccessDeniedException", 403, message]})
    told = failed(examine(account, GPU))
    assert check in told
    assert f'"Action": "{action}"' in told[check]


def test_a_region_whose_vpcs_are_used_up_is_told_with_the_quota(account: Account) -> None:
    assert account.keys is not None
    ec2 = boto3.client(
        "ec2", region_name="eu-west-3", endpoint_url=account.endpoint,
        aws_access_key_id=account.keys.id, aws_secret_access_key=account.keys.secret,
    )  # fmt: skip
    made = [ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in range(4)]
    told = failed(examine(account.elsewhere("eu-west-3"), UpRequest(instance_type="m7i.large")))
    for vpc in made:
        ec2.delete_vpc(VpcId=vpc)
    ec2.close()
    assert list(told) == ["network"]
    assert "5 of 5 VPCs" in told["network"]
    assert "L-F678F1CE" in told["network"]


def test_an_image_of_another_architecture_is_told(account: Account) -> None:
    arm = account.images.newest(account.instance_types.one("m7g.large"))
    told = failed(examine(account, UpRequest(instance_type="m7i.large", image=arm.id)))
    assert list(told) == ["image"]
    assert "arm64" in told["image"]


def test_a_type_that_a_region_does_not_sell_fails_there_alone(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(account.ec2), "regions", lambda _: ("us-east-1", "us-west-1"))
    here, there = examine_regions(account, UpRequest(instance_type="g6.xlarge"))
    assert here.ok
    assert not there.ok
    assert "us-west-1 does not sell g6.xlarge" in failed(there)["type"]


def test_a_wish_that_a_region_cannot_meet_fails_there_alone(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(account.ec2), "regions", lambda _: ("us-east-1", "me-south-1"))
    here, there = examine_regions(account, UpRequest(wish=Wish(parse_gpu("80GB.."))))
    assert here.ok
    assert "no instance type in me-south-1 meets --gpu 80GB.." in failed(there)["type"]


def test_ec2_is_asked_for_a_launch_that_it_does_not_carry_out(account: Account, faults: Faults) -> None:
    assert account.keys is not None
    ec2 = boto3.client(
        "ec2", region_name=account.region, endpoint_url=account.endpoint,
        aws_access_key_id=account.keys.id, aws_secret_access_key=account.keys.secret,
    )  # fmt: skip
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.close()
    image = account.images.newest(account.instance_types.one("m7i.large")).id
    account.ec2.may_launch("m7i.large", image, subnet)
    assert account.ec2.instances({}) == ()
    message = "User: ana is not authorized to perform: ec2:RunInstances on resource: *"
    faults(fail_action={"ec2:RunInstances": ["UnauthorizedOperation", 403, message]})
    with pytest.raises(DsEc2Error, match="AWS denies ec2:RunInstances"):
        account.ec2.may_launch("m7i.large", image, subnet)


def test_a_gpu_that_does_not_exist_is_a_usage_error(account: Account) -> None:
    with pytest.raises(UsageError, match="A10"):
        examine(account, UpRequest(wish=Wish(parse_gpu("A10"))))
