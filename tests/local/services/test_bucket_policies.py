"""Bucket policies: plain HTTP on loopback counts as TLS; every other condition holds as it is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from ds_ec2_local.services.bucket_policies import in_force

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.local

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
ELSEWHERE = {"StringNotEquals": {"aws:PrincipalAccount": "999999999999"}}


def deny(condition: dict[str, Any], action: str = "s3:*") -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": "arn:aws:s3:::guarded/*",
        "Condition": condition,
    }


@pytest.fixture
def s3(local_records: Any) -> Iterator[Any]:
    client = local_records.client("s3")
    client.create_bucket(Bucket="guarded")
    yield client
    client.delete_bucket_policy(Bucket="guarded")
    client.delete_object(Bucket="guarded", Key="a")
    client.delete_bucket(Bucket="guarded")


def set_policy(s3: Any, *statements: dict[str, Any]) -> None:
    s3.put_bucket_policy(
        Bucket="guarded", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )


def test_a_bucket_that_wants_tls_takes_and_gives_objects(s3: Any) -> None:
    set_policy(s3, deny(WITHOUT_TLS))
    s3.put_object(Bucket="guarded", Key="a", Body=b"x")
    assert s3.get_object(Bucket="guarded", Key="a")["Body"].read() == b"x"
    s3.delete_objects(Bucket="guarded", Delete={"Objects": [{"Key": "a"}]})
    assert "Contents" not in s3.list_objects_v2(Bucket="guarded")


def test_another_condition_still_denies(s3: Any) -> None:
    set_policy(s3, deny(WITHOUT_TLS), deny(ELSEWHERE, "s3:PutObject"))
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="guarded", Key="a", Body=b"x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="guarded", Key="a")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        (WITHOUT_TLS, False),
        ({"Bool": {"AWS:securetransport": True}}, True),
        (ELSEWHERE, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": ["123456789012", "999999999999"]}}, False),
        ({"StringLike": {"aws:PrincipalAccount": "1234*"}}, True),
        ({"StringLike": {"aws:PrincipalAccount": "1234*"}} | WITHOUT_TLS, False),
        ({"StringEquals": {"s3:x-amz-acl": "public-read"}}, False),
        ({"StringEqualsIfExists": {"s3:x-amz-acl": "public-read"}}, True),
        ({"Null": {"s3:x-amz-acl": "true"}}, True),
        ({"Null": {"aws:SecureTransport": "true"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
    ],
)
def test_a_deny_is_in_force_where_its_condition_holds(condition: dict[str, Any], *, holds: bool) -> None:
    assert bool(in_force([deny(condition)])) is holds


def test_an_allow_with_an_unknown_operator_allows_nothing() -> None:
    unknown = {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}
    assert in_force([deny(unknown) | {"Effect": "Allow"}]) == []
