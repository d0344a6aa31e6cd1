from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from ds_ec2 import __version__
from ds_ec2.aws.account import Keys, open_account
from ds_ec2.errors import DsEc2Error, UsageError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@pytest.fixture(autouse=True)
def empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def test_without_a_region_the_hint_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match="no region") as caught:
        open_account()
    assert "--region" in caught.value.hint
    assert "--local" in caught.value.hint


def test_the_region_comes_from_the_environment_then_the_profile(
    monkeypatch: pytest.MonkeyPatch, empty_home: Path
) -> None:
    (empty_home / "config").write_text("[default]\nregion = eu-north-1\n")
    assert open_account().region == "eu-north-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert open_account().region == "eu-west-3"
    assert open_account("us-west-2").region == "us-west-2"


def test_an_unknown_profile_is_told_at_once() -> None:
    with pytest.raises(DsEc2Error, match="no such profile") as caught:
        open_account("us-east-1", "nobody")
    assert caught.value.hint == "aws configure list-profiles"


def test_no_credentials_is_told_when_a_call_is_made() -> None:
    with pytest.raises(DsEc2Error, match="no AWS credentials") as caught:
        open_account("us-east-1").identity.caller()
    assert "--local" in caught.value.hint


def test_an_embedded_aws_that_was_killed_is_told_within_seconds(unused_port: int) -> None:
    account = open_account("us-east-1", endpoint=f"http://127.0.0.1:{unused_port}", keys=Keys("ana", "ana"))
    with pytest.raises(DsEc2Error, match="embedded AWS has ended") as caught:
        account.identity.caller()
    assert caught.value.hint.startswith("ds-ec2 --local up")


def test_calls_say_who_makes_them_and_are_logged_without_their_bodies(
    caplog: pytest.LogCaptureFixture, recording_server: Any
) -> None:
    account = open_account("us-east-1", endpoint=recording_server.url, keys=Keys("ana", "hush"))
    with caplog.at_level(logging.DEBUG, "ds_ec2.aws"):
        assert account.identity.caller().name == "ana"
    assert f"ds-ec2/{__version__}" in recording_server.user_agents[0]
    assert "sts GetCallerIdentity 200" in caplog.text
    assert "123456789012" not in caplog.text


def test_keys_are_not_shown() -> None:
    assert "hush" not in repr(
        open_account("us-east-1", endpoint="http://127.0.0.1:1", keys=Keys("ana", "hush"))
    )


def test_an_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(UsageError, match="no such address") as caught:
        open_account("us-east-1", keys=Keys("ana", "ana")).identity.caller()
    assert "AWS_ENDPOINT_URL" in caught.value.hint


@pytest.mark.parametrize(("region", "near"), [("mars", "us-east-1"), ("eu-wset-1", "eu-west-1")])
def test_a_region_that_does_not_exist_is_told_before_a_call(region: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"no region '{region}'") as caught:
        open_account(region, keys=Keys("ana", "ana")).identity.caller()
    assert f"--region {near} " in caught.value.hint
