from pathlib import Path

import pytest

from ds_ec2.model.target import Target
from ds_ec2.operations.region import region_without_account


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "DS_EC2_REGION", "DS_EC2_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DS_EC2_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))


def test_where_nobody_names_a_region_it_is_the_usual_one() -> None:
    assert region_without_account(Target()) == "us-east-1"


def test_option_setting_environment_and_profile_count_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aws").write_text("[default]\nregion = eu-west-3\n[profile work]\nregion = sa-east-1\n")
    assert region_without_account(Target()) == "eu-west-3"
    assert region_without_account(Target(profile="work")) == "sa-east-1"
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert region_without_account(Target()) == "sa-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert region_without_account(Target()) == "us-west-2"
    monkeypatch.setenv("DS_EC2_REGION", "eu-north-1")
    assert region_without_account(Target()) == "eu-north-1"
    assert region_without_account(Target(region="us-west-1")) == "us-west-1"


def test_the_embedded_aws_has_a_region_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert region_without_account(Target(local=True)) == "us-east-1"


@pytest.mark.parametrize("text", ["", "region = x", "[default\n", "[default]\noutput = json\n", "\x00\xff"])
def test_a_profile_that_says_nothing_is_no_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "aws").write_text(text)
    assert region_without_account(Target()) == "us-east-1"
