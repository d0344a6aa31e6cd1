import pytest

from ds_ec2.aws.account import Account
from ds_ec2.model.target import Target


@pytest.mark.parametrize(
    ("target", "flags"),
    [
        (Target(), ""),
        (Target(local=True), " --local"),
        (Target(local=True, region="eu-west-1"), " --local --region eu-west-1"),
        (Target(profile="work", region="eu-west-1"), " --profile work --region eu-west-1"),
    ],
)
def test_a_hint_names_the_target_as_it_was_named(target: Target, flags: str) -> None:
    assert target.flags == flags


def test_a_hint_of_another_region_names_that_region() -> None:
    here = Account("us-east-1", flags=" --profile work --region us-east-1")
    assert here.elsewhere("eu-west-1").flags == " --profile work --region eu-west-1"
    assert here.elsewhere("us-east-1").flags == here.flags
