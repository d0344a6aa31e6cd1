from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError
from tests.local.conftest import BEN, start_server, wait_until

if TYPE_CHECKING:
    from pathlib import Path


def refused_by(request: Request | str) -> tuple[int, str]:
    """Return status and text of an answer that is an error."""
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=10)  # noqa: S310 - our own loopback address
    with refused.value as answer:
        return answer.code, answer.read().decode()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ds_ec2_local", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_server_starts_says_where_it_is_and_stops(tmp_path: Path) -> None:
    began = time.monotonic()
    server = start_server(tmp_path, "--records-only")
    took = time.monotonic() - began
    try:
        told = json.loads((tmp_path / "endpoint.json").read_text())
        assert told["endpoint_url"].startswith("http://127.0.0.1:")
        assert told["pid"] == server.process.pid
        assert set(told) == {"endpoint_url", "pid", "gateway_port", "isolation", "started_at"}
        assert json.loads(run("status", "--state", str(tmp_path)).stdout)["pid"] == told["pid"]
        server.client("sts").get_caller_identity()
        assert '"GetCallerIdentity"' in run("logs", "--state", str(tmp_path)).stdout
        assert run("stop", "--state", str(tmp_path)).returncode == 0
        assert server.process.wait(10) == 0
        assert not (tmp_path / "endpoint.json").exists()
        assert run("status", "--state", str(tmp_path)).returncode == 1
    finally:
        server.close()
    assert took < 5  # 1 s alone; the machine may be busy


def test_a_second_server_on_the_same_directory_refuses(local_records: Any) -> None:
    second = run("serve", "--state", str(local_records.state), "--records-only")
    assert second.returncode == 1
    assert "another server runs" in second.stderr
    assert json.loads((local_records.state / "endpoint.json").read_text())["pid"] == local_records.process.pid


def test_what_a_killed_server_left_is_cleaned(tmp_path: Path) -> None:
    first = start_server(tmp_path, "--records-only")
    volume = first.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    (tmp_path / "volumes" / volume).mkdir(parents=True)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    first.close()
    assert (tmp_path / "endpoint.json").exists()
    second = start_server(tmp_path, "--records-only")
    try:
        assert second.endpoint_url
        assert not (tmp_path / "volumes" / volume).exists()
        wait_until(lambda: not list(tmp_path.glob("old-*")))
        assert second.client("ec2").describe_volumes()["Volumes"] == []
    finally:
        second.close()


def test_the_caller_is_known_by_the_key(local_records: Any) -> None:
    assert local_records.client("sts").get_caller_identity()["Arn"].endswith(":user/ana")
    assert local_records.client("sts", BEN).get_caller_identity()["Arn"].endswith(":user/ben")
    people = local_records.call("GET", "/_local/status")["principals"]
    assert people["ben"]["access_key"] == BEN


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_vpcs", "RequestExpired"),
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("ssm", "describe_parameters", "ExpiredTokenException"),
    ],
)
def test_an_expired_key_is_refused_in_each_services_words(
    local_records: Any, service: str, call: str, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(local_records.client(service, "ASIALOCALEXPIRED0000"), call)()
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ],
)
def test_an_unknown_key_is_refused(local_records: Any, service: str, call: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(local_records.client(service, "AKIAUNKNOWN000000000"), call)()
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("cloudformation", "describe_stacks", "SignatureDoesNotMatch"),
        ("ssm", "describe_parameters", "InvalidSignatureException"),
    ],
)
def test_a_region_that_does_not_exist_is_refused(
    local_records: Any, service: str, call: str, code: str
) -> None:
    with pytest.raises(ClientError, match="valid region, not 'mars'") as refused:
        getattr(local_records.client(service, region="mars"), call)()
    assert refused.value.response["Error"]["Code"] == code


def test_an_unsigned_request_is_refused(local_records: Any) -> None:
    status, text = refused_by(local_records.endpoint_url + "/?Action=DescribeVpcs")
    assert status == 403
    assert "MissingAuthenticationToken" in text


def test_credentials_of_a_role_tell_the_role(local_records: Any) -> None:
    iam = local_records.client("iam")
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument="{}")
    given = local_records.client("sts").assume_role(
        RoleArn="arn:aws:iam::123456789012:role/machine", RoleSessionName="i-1"
    )["Credentials"]
    arn = local_records.client(
        "sts", given["AccessKeyId"], token=given["SessionToken"]
    ).get_caller_identity()["Arn"]
    assert arn == "arn:aws:sts::123456789012:assumed-role/machine/i-1"


def test_every_call_is_in_the_log(local_records: Any) -> None:
    local_records.client("iam", BEN).list_roles()
    line = next(
        line for line in reversed(local_records.call("GET", "/_local/log")) if line["action"] == "ListRoles"
    )
    assert line["principal"] == "ben"
    assert line["service"] == "iam"
    assert line["status"] == 200
    assert line["ms"] > 0
    assert line["time"].endswith("+00:00")


def test_actions_of_rest_services_are_named_in_the_log(local_records: Any) -> None:
    s3 = local_records.client("s3")
    s3.create_bucket(Bucket="named")
    s3.put_object(Bucket="named", Key="a/b", Body=b"x")
    local_records.client("lambda").list_functions()
    actions = {line["action"] for line in local_records.call("GET", "/_local/log")}
    assert {"CreateBucket", "PutObject", "ListFunctions"} <= actions


def test_what_is_missing_is_said_in_aws_form(local_records: Any) -> None:
    with pytest.raises(ClientError, match="embedded AWS has no"):
        local_records.client("ec2").describe_mac_hosts()


def test_faults_are_set_shown_and_taken_away(local_records: Any) -> None:
    assert local_records.call("POST", "/_local/faults", {"latency_ms": 80}) == {"latency_ms": 80}
    try:
        began = time.monotonic()
        local_records.client("sts").get_caller_identity()
        assert time.monotonic() - began >= 0.08
    finally:
        assert local_records.call("DELETE", "/_local/faults") == {}
    assert local_records.call("GET", "/_local/faults") == {}
    status, text = refused_by(Request(local_records.endpoint_url + "/_local/faults", b'{"no_such": 1}'))  # noqa: S310 - our own loopback address
    assert status == 400
    assert "insufficient_capacity" in text


def test_one_action_fails_as_told(local_records: Any) -> None:
    failure = {"fail_action": {"iam:ListRoles": ["ServiceFailure", 500, "it is broken"]}}
    local_records.call("POST", "/_local/faults", failure)
    try:
        with pytest.raises(ClientError, match="it is broken") as failed:
            local_records.client("iam").list_roles()
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        local_records.client("iam").list_users()
    finally:
        local_records.call("DELETE", "/_local/faults")


def test_a_service_is_throttled(local_records: Any) -> None:
    local_records.call("POST", "/_local/faults", {"throttle": {"service": "ssm", "rate": 1}})
    try:
        with pytest.raises(ClientError) as refused:
            local_records.client("ssm").describe_parameters()
        assert refused.value.response["Error"]["Code"] == "ThrottlingException"
        local_records.client("iam").list_users()
    finally:
        local_records.call("DELETE", "/_local/faults")


def test_a_web_page_cannot_set_faults(local_records: Any) -> None:
    page = {"Origin": "https://example.com"}
    request = Request(local_records.endpoint_url + "/_local/faults", b'{"latency_ms": 1}', page)  # noqa: S310 - our own loopback address
    assert refused_by(request)[0] == 403
    assert local_records.call("GET", "/_local/faults") == {}
