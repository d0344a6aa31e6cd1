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
        "permissions": CheckState.OK,
        "stacks": CheckState.OK,
        "network": CheckState.OK,
        "type": CheckState.OK,
        "quota": CheckState.OK,
        "image": CheckState.OK,
        "sizes": CheckState.OK,
        "sessions": CheckState.OK,
        "leftovers": CheckState.OK,
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
    assert told["quota"].endswith("-> ds-ec2 quota request --instance-type g6.xlarge --local")


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


def test_permissions_are_simulated_and_each_refusal_has_its_own_line(
    account: Account, faults: Faults
) -> None:
    faults(
        deny=[
            {"principal": "ana", "action": "iam:CreateRole"},
            {"principal": "ana", "action": "ec2:CreateVpc", "by": "organization"},
        ]
    )
    told = failed(examine(account, GPU))
    assert list(told) == ["permissions"]
    first, second, statement, organization, *_ = told["permissions"].replace(" -> ", "\n").splitlines()
    assert first == "not allowed: ec2:CreateVpc, to make the network: a policy of the organisation denies it"
    assert second == "not allowed: iam:CreateRole, to make the network: no policy allows it"
    assert '"Action": "iam:CreateRole", "Resource": "arn:aws:iam::123456789012:role/ds-ec2-*"' in statement
    assert organization.endswith(": ec2:CreateVpc")


def test_whoever_may_not_simulate_is_told_that_nothing_was_checked(account: Account, faults: Faults) -> None:
    faults(deny=[{"action": "iam:SimulatePrincipalPolicy"}])
    health = examine(account, GPU)
    (check,) = (one for one in health.checks if one.name == "permissions")
    assert health.ok
    assert check.state is CheckState.UNKNOWN
    assert check.detail == "not checked: iam:SimulatePrincipalPolicy is not allowed"


def test_what_belongs_to_no_stack_is_told_with_its_price(account: Account) -> None:
    assert account.keys is not None
    ec2 = boto3.client(
        "ec2", region_name="eu-west-3", endpoint_url=account.endpoint,
        aws_access_key_id=account.keys.id, aws_secret_access_key=account.keys.secret,
    )  # fmt: skip
    volume = ec2.create_volume(AvailabilityZone="eu-west-3a", Size=100)["VolumeId"]
    ec2.create_tags(
        Resources=[volume],
        Tags=[{"Key": "ds-ec2:part", "Value": "data"}, {"Key": "ds-ec2:name", "Value": "lost"}],
    )
    there = account.elsewhere("eu-west-3")
    (check,) = (one for one in examine(there, UpRequest()).checks if one.name == "leftovers")
    ec2.delete_volume(VolumeId=volume)
    ec2.close()
    assert check.state is CheckState.WARNING
    assert check.detail == f"volume {volume}; $8.00 a month at most"
    assert check.fix == f"aws ec2 delete-volume --volume-id {volume} --region eu-west-3"


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
