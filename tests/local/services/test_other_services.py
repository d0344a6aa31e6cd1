"""Functions, rules, parameters, quotas, prices, buckets."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError
from tests.local.conftest import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCE = """
import boto3, os, time
def handler(event, context):
    print("called with", event.get("detail-type", "nothing"))
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("fail"):
        raise KeyError("as asked")
    ssm = boto3.client("ssm")
    if "detail" in event:
        ssm.put_parameter(Name="/seen/%s/%s" % (event["detail"].get("instance-id", event["source"]),
            event["detail"].get("state", "tick")), Value=str(event), Type="String", Overwrite=True)
    return {"arn": boto3.client("sts").get_caller_identity()["Arn"], "name": context.function_name,
        "given": os.environ["GIVEN"]}
"""


def code(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    found: str = refused.value.response["Error"]["Code"]
    return found


@pytest.fixture(scope="module")
def function(local_records: Any) -> Iterator[str]:
    local_records.client("iam").create_role(RoleName="follower", AssumeRolePolicyDocument="{}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", SOURCE)
    made = local_records.client("lambda").create_function(
        FunctionName="follower", Runtime="python3.12", Handler="index.handler", Timeout=5,
        Role="arn:aws:iam::123456789012:role/follower", Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"GIVEN": "yes"}},
    )  # fmt: skip
    yield made["FunctionArn"]
    local_records.client("lambda").delete_function(FunctionName="follower")


def parameter(local_records: Any, name: str, seconds: float = 15) -> str | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = local_records.client("ssm").get_parameters(Names=[name])["Parameters"]
        if found:
            return str(found[0]["Value"])
        time.sleep(0.1)
    return None


def test_a_function_runs_with_its_role(local_records: Any, function: str) -> None:
    given = local_records.client("lambda").invoke(FunctionName=function, Payload=b"{}", LogType="Tail")
    assert json.loads(given["Payload"].read()) == {
        "arn": "arn:aws:sts::123456789012:assumed-role/follower/follower",
        "name": "follower",
        "given": "yes",
    }
    assert "FunctionError" not in given
    assert given["LogResult"]
    assert "called with nothing" in (local_records.state / "functions" / "follower.log").read_text()
    groups = local_records.client("logs").describe_log_groups()["logGroups"]
    assert "/aws/lambda/follower" in {group["logGroupName"] for group in groups}


def test_a_functions_error_is_its_answer(local_records: Any, function: str) -> None:
    given = local_records.client("lambda").invoke(FunctionName=function, Payload=b'{"fail": 1}')
    assert given["FunctionError"] == "Unhandled"
    assert json.loads(given["Payload"].read())["errorType"] == "KeyError"


def test_a_function_ends_at_its_timeout(local_records: Any, function: str) -> None:
    local_records.client("lambda").update_function_configuration(FunctionName="follower", Timeout=1)
    given = local_records.client("lambda").invoke(FunctionName=function, Payload=b'{"sleep": 20}')
    local_records.client("lambda").update_function_configuration(FunctionName="follower", Timeout=5)
    assert "Task timed out after 1.00 seconds" in json.loads(given["Payload"].read())["errorMessage"]


def test_an_instances_states_reach_the_function_of_a_rule(
    local_records: Any, function: str, launch: Callable[..., str]
) -> None:
    events = local_records.client("events")
    pattern = {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["running", "terminated"]}}  # fmt: skip
    rule = events.put_rule(Name="machines", EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule="machines", Targets=[{"Id": "1", "Arn": function}])
    unseen = launch()
    local_records.client("lambda").add_permission(
        FunctionName="follower", StatementId="rule", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=rule,
    )  # fmt: skip
    found = launch()
    text = parameter(local_records, f"/seen/{found}/running")
    assert text is not None
    assert "'detail-type': 'EC2 Instance State-change Notification'" in text
    assert f"instance/{found}" in text
    local_records.client("ec2").terminate_instances(InstanceIds=[found])
    assert parameter(local_records, f"/seen/{found}/terminated")
    names = [
        p["Name"]
        for p in local_records.client("ssm").get_parameters_by_path(Path="/seen", Recursive=True)[
            "Parameters"
        ]
    ]
    assert f"/seen/{found}/pending" not in names
    assert f"/seen/{unseen}/running" not in names  # the rule had no permission yet
    events.remove_targets(Rule="machines", Ids=["1"])


def test_a_schedule_comes_due_when_told(local_records: Any, function: str) -> None:
    events = local_records.client("events")
    rule = events.put_rule(Name="sweep", ScheduleExpression="rate(15 minutes)")["RuleArn"]
    events.put_targets(Rule="sweep", Targets=[{"Id": "1", "Arn": function}])
    local_records.client("lambda").add_permission(
        FunctionName="follower", StatementId="sweep", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=rule,
    )  # fmt: skip
    assert local_records.call("POST", "/_local/tick") == {"functions": 1}
    text = parameter(local_records, "/seen/aws.events/tick")
    assert text is not None
    assert "'detail-type': 'Scheduled Event'" in text
    events.disable_rule(Name="sweep")
    assert local_records.call("POST", "/_local/tick") == {"functions": 0}


def test_parameters_hold_4096_bytes(local_records: Any) -> None:
    ssm = local_records.client("ssm")
    ssm.put_parameter(Name="/big", Value="x" * 4096, Type="String")
    assert code(ssm.put_parameter, Name="/bigger", Value="x" * 4097, Type="String") == "ValidationException"
    ssm.put_parameter(Name="/bigger", Value="x" * 8192, Type="String", Tier="Advanced")
    assert code(ssm.put_parameter, Name="/biggest", Value="é" * 4097, Type="String", Tier="Advanced") == (
        "ValidationException"
    )


def test_quotas_are_told_as_they_hold(local_records: Any) -> None:
    quotas = local_records.client("service-quotas")
    get = quotas.get_service_quota
    assert get(ServiceCode="ec2", QuotaCode="L-417A185B")["Quota"]["Value"] == 0
    local_records.call("POST", "/_local/faults", {"quota": {"L-417A185B": 192}})
    assert get(ServiceCode="ec2", QuotaCode="L-417A185B")["Quota"]["Value"] == 192
    local_records.call("DELETE", "/_local/faults")
    listed = {q["QuotaCode"] for q in quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]}
    assert {"L-1216C47A", "L-DB2E81BA", "L-7212CCBC"} <= listed
    assert code(get, ServiceCode="ec2", QuotaCode="L-00000000") == "NoSuchResourceException"


def test_more_quota_is_asked_for_and_decided(local_records: Any) -> None:
    quotas = local_records.client("service-quotas", region="eu-west-2")
    trn = {"ServiceCode": "ec2", "QuotaCode": "L-2C3B7624"}
    asked = quotas.request_service_quota_increase(**trn, DesiredValue=96)["RequestedQuota"]
    assert (asked["Status"], asked["DesiredValue"]) == ("PENDING", 96)
    again = {**trn, "DesiredValue": 128}
    assert code(quotas.request_service_quota_increase, **again) == "ResourceAlreadyExistsException"
    history = quotas.list_requested_service_quota_change_history_by_quota
    wait_until(lambda: history(**trn, Status="APPROVED")["RequestedQuotas"])
    assert quotas.get_service_quota(**trn)["Quota"]["Value"] == 96
    elsewhere = local_records.client("service-quotas", region="eu-west-1")
    assert elsewhere.get_service_quota(**trn)["Quota"]["Value"] == 0
    assert code(quotas.request_service_quota_increase, **trn, DesiredValue=96) == "IllegalArgumentException"


def test_prices_are_told(local_records: Any) -> None:
    def price(name: str) -> float | None:
        found = local_records.client("pricing").get_products(
            ServiceCode="AmazonEC2", Filters=[{"Type": "TERM_MATCH", "Field": "instanceType", "Value": name}]
        )["PriceList"]
        for text in found:
            term = next(iter(json.loads(text)["terms"]["OnDemand"].values()))
            return float(next(iter(term["priceDimensions"].values()))["pricePerUnit"]["USD"])
        return None

    assert price("g5.xlarge") == 1.006
    assert price("m7i.xlarge") == pytest.approx(0.2016)
    assert price("no.such") is None
    told = local_records.client("ec2").describe_spot_price_history(InstanceTypes=["g5.xlarge"])
    by_zone = sorted(float(entry["SpotPrice"]) for entry in told["SpotPriceHistory"])
    assert by_zone[0] == 0.4024
    assert by_zone[-1] < 1.006


def test_buckets_by_path_and_by_host(local_records: Any) -> None:
    s3 = local_records.client("s3")
    s3.create_bucket(Bucket="by-path")
    s3.put_object(Bucket="by-path", Key="a b/ü.txt", Body=b"content")
    assert s3.get_object(Bucket="by-path", Key="a b/ü.txt")["Body"].read() == b"content"
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "by-path", "Key": "a b/ü.txt"})
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback address
        assert answer.read() == b"content"
    path = url.replace("/by-path/", "/")
    with urlopen(Request(path, headers={"Host": "by-path.s3.us-east-1.amazonaws.com"}), timeout=10) as answer:  # noqa: S310 - our own loopback address
        assert answer.read() == b"content"


def test_missing_objects_are_missed(local_records: Any) -> None:
    s3 = local_records.client("s3")
    s3.create_bucket(Bucket="empty")
    assert code(s3.get_object, Bucket="empty", Key="none") == "NoSuchKey"
