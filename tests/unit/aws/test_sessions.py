from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.session import Session

from ds_ec2.aws.sessions import SsmSessions
from ds_ec2.errors import DsEc2Error

STREAM = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/ana-0123?role=publish_subscribe"


def source(
    endpoint: str | None = None, region: str = "eu-west-1", credentials: Credentials | None = None
) -> SsmSessions:
    client: Any = Session().create_client(
        "ssm",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="ana",
        aws_secret_access_key="secret",
    )
    return SsmSessions(client, region, credentials or Credentials("AKID", "secret", "a-token"))


@pytest.mark.parametrize("host", ["ssmmessages.eu-west-1", "ssmmessages-fips.eu-west-1"])
def test_on_aws_the_regions_own_endpoint_is_trusted(host: str) -> None:
    assert source().trusts(f"wss://{host}.amazonaws.com/v1/data-channel/x?role=publish_subscribe")


@pytest.mark.parametrize(
    "url",
    [
        "ws://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x",
        "wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/x",
        "wss://ssmmessages.eu-west-1.amazonaws.com.evil.example/x",
        "wss://ssmmessagesXeu-west-1.amazonaws.com/x",
        "wss://evil.example/?ssmmessages.eu-west-1.amazonaws.com",
        "wss://ssmmessages.eu-west-1.amazonaws.com@evil.example/",
        "ws://127.0.0.1:4578/v1/data-channel/x",
        "",
    ],
)
def test_on_aws_nothing_else_is_trusted(url: str) -> None:
    assert not source().trusts(url)


@pytest.mark.parametrize("host", ["127.0.0.1:4578", "localhost:4578"])
def test_with_a_named_endpoint_its_host_is_trusted(host: str) -> None:
    assert source("http://127.0.0.1:4577").trusts(f"ws://{host}/v1/data-channel/x")


@pytest.mark.parametrize("url", ["http://127.0.0.1:4578/", "ws://10.0.0.1:4578/", STREAM])
def test_with_a_named_endpoint_nothing_else_is_trusted(url: str) -> None:
    assert not source("http://127.0.0.1:4577").trusts(url)


def test_the_upgrade_is_signed_for_session_managers_channel() -> None:
    headers = source().sign(STREAM)
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKID/\d{8}/eu-west-1/ssmmessages/aws4_request,"
        r" SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}",
        headers["Authorization"],
    )
    assert headers["X-Amz-Security-Token"] == "a-token"
    assert re.fullmatch(r"\d{8}T\d{6}Z", headers["X-Amz-Date"])


def test_the_signature_depends_on_the_query() -> None:
    # Within one second the date is the same; a second's change would change both signatures anyhow.
    one, other = source().sign(STREAM), source().sign(STREAM + "&x=1")
    assert one["Authorization"] != other["Authorization"]


def test_without_credentials_there_is_no_signature() -> None:
    sessions = source()
    sessions._credentials = None
    with pytest.raises(DsEc2Error, match="no AWS credentials"):
        sessions.sign(STREAM)
