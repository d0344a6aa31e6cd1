import re

import pytest
from botocore.credentials import Credentials
from botocore.session import Session

from ds_ec2.aws.sessions import SsmSessions
from ds_ec2.errors import DsEc2Error

STREAM = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/ana-0123?role=publish_subscribe"


def source(endpoint=None, region="eu-west-1", credentials=None):
    client = Session().create_client(
        "ssm",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="ana",
        aws_secret_access_key="secret",
    )
    return SsmSessions(client, region, credentials or Credentials("AKID", "secret", "a-token"))


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        (STREAM, True),
        ("wss://ssmmessages-fips.eu-west-1.amazonaws.com/v1/data-channel/x", True),
        ("ws://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x", False),
        ("wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/x", False),
        ("wss://ssmmessages.eu-west-1.amazonaws.com.evil.example/x", False),
        ("wss://ssmmessagesXeu-west-1.amazonaws.com/x", False),
        ("wss://evil.example/?ssmmessages.eu-west-1.amazonaws.com", False),
        ("ws://127.0.0.1:4578/v1/data-channel/x", False),
        ("", False),
    ],
)
def test_on_aws_only_the_regions_own_endpoint_is_trusted(url, trusted):
    assert source().trusts(url) is trusted


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("ws://127.0.0.1:4578/v1/data-channel/x", True),
        ("ws://localhost:4578/v1/data-channel/x", True),
        ("http://127.0.0.1:4578/", False),
        ("ws://10.0.0.1:4578/", False),
        (STREAM, False),
    ],
)
def test_with_a_named_endpoint_its_host_alone_is_trusted(url, trusted):
    assert source("http://127.0.0.1:4577").trusts(url) is trusted


def test_the_upgrade_is_signed_for_session_managers_channel():
    headers = source().sign(STREAM)
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKID/\d{8}/eu-west-1/ssmmessages/aws4_request,"
        r" SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}",
        headers["Authorization"],
    )
    assert headers["X-Amz-Security-Token"] == "a-token"
    assert re.fullmatch(r"\d{8}T\d{6}Z", headers["X-Amz-Date"])


def test_the_signature_depends_on_the_query():
    # Within one second the date is the same; a second's change would change both signatures anyhow.
    one, other = source().sign(STREAM), source().sign(STREAM + "&x=1")
    assert one["Authorization"] != other["Authorization"]


def test_without_credentials_there_is_no_signature():
    sessions = source()
    sessions._credentials = None
    with pytest.raises(DsEc2Error, match="no AWS credentials"):
        sessions.sign(STREAM)
