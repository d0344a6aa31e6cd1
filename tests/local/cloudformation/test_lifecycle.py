"""How stacks come, fail and go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.local.cloudformation.builders import BAD, parameter, template

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

WAITING = {
    "H": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    "W": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "H"}, "Timeout": "20"},
    },
}


def test_events_in_order_with_reasons_and_token(stacks: Stacks) -> None:
    resources = {"First": parameter(), "Second": parameter({"Ref": "First"})}
    name = stacks.create(template(resources), ClientRequestToken="token-1")
    events = stacks.events(name)
    told = [(e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason")) for e in events]
    assert told == [
        (name, "CREATE_IN_PROGRESS", "User Initiated"),
        ("First", "CREATE_IN_PROGRESS", None),
        ("First", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("First", "CREATE_COMPLETE", None),
        ("Second", "CREATE_IN_PROGRESS", None),
        ("Second", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Second", "CREATE_COMPLETE", None),
        (name, "CREATE_COMPLETE", None),
    ]
    assert {e["ClientRequestToken"] for e in events} == {"token-1"}
    assert events[3]["PhysicalResourceId"] == stacks.physical(name, "First")
    assert events[1].get("PhysicalResourceId", "") == ""


def test_a_failure_rolls_back_and_such_a_stack_can_only_be_deleted(stacks: Stacks) -> None:
    name = stacks.create(template({"Good": parameter(), "Bad": {**BAD, "DependsOn": "Good"}}))
    assert stacks.status(name) == "ROLLBACK_COMPLETE"
    assert stacks.story(name, "Good") == [
        "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
    ]  # fmt: skip
    text = "The following resource(s) failed to create: [Bad]. Rollback requested by user."
    assert f"{name} ROLLBACK_IN_PROGRESS: {text}" in stacks.reasons(name)
    assert "HandlerErrorCode: InvalidRequest" in stacks.reasons(name)
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stacks.update(name, template())
    assert stacks.delete(name) == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("more", "status", "left"),
    [
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", True),
        ({"DisableRollback": True}, "CREATE_FAILED", True),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", False),
    ],
)
def test_on_failure(stacks: Stacks, more: Any, status: Any, left: Any) -> None:
    name = stacks.name()
    stacks.create(
        template({"Good": parameter(), "Bad": {**BAD, "DependsOn": "Good"}}), name=name, wait=False, **more
    )
    stack_id = stacks.made[-1]
    assert stacks.settled(stack_id) == status
    physical = stacks.physical(stack_id, "Good")
    found = stacks.client("ssm").get_parameters(Names=[physical])["Parameters"]
    assert bool(found) is left


def test_a_failure_cancels_what_is_under_way(stacks: Stacks) -> None:
    began = time.monotonic()
    name = stacks.create(template({**WAITING, "Bad": {**BAD, "DependsOn": "H"}}))
    assert time.monotonic() - began < 10
    assert "W CREATE_FAILED: Resource creation cancelled" in stacks.reasons(name)


def test_a_busy_stack_refuses(stacks: Stacks) -> None:
    name = stacks.create(template(WAITING), wait=False)
    with pytest.raises(ClientError, match="is in CREATE_IN_PROGRESS state and can not be updated"):
        stacks.api.update_stack(StackName=name, TemplateBody=template())
    with pytest.raises(ClientError, match="already exists") as caught:
        stacks.api.create_stack(StackName=name, TemplateBody=template())
    assert caught.value.response["Error"]["Code"] == "AlreadyExistsException"
    stacks.api.delete_stack(StackName=name)
    assert stacks.settled(stacks.made[0]) == "DELETE_COMPLETE"


def test_a_stack_that_takes_too_long(stacks: Stacks, monkeypatch: Any) -> None:
    monkeypatch.setattr("ds_ec2_local.cloudformation.requests.SECONDS_A_MINUTE", 0.5)
    name = stacks.create(template(WAITING), TimeoutInMinutes=1)
    assert stacks.status(name) == "ROLLBACK_COMPLETE"
    assert (
        "Stack creation time exceeded the specified timeout. Rollback requested by user."
        in stacks.reasons(name)
    )


def test_a_deleted_stack_is_found_by_its_id_alone(stacks: Stacks) -> None:
    name = stacks.create(template())
    stack_id = stacks.made[0]
    assert stacks.delete(name) == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe(name)
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.story(stack_id, "P")[-1] == "DELETE_COMPLETE"
    listed = stacks.api.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert stack_id in {stack["StackId"] for stack in listed}
    stacks.api.delete_stack(StackName=name)
    again = stacks.create(template(), name=name)
    assert stacks.describe(again)["StackId"] != stack_id


def test_termination_protection(stacks: Stacks) -> None:
    name = stacks.create(template(), EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="cannot be deleted while TerminationProtection is enabled"):
        stacks.api.delete_stack(StackName=name)
    assert stacks.describe(name)["EnableTerminationProtection"] is True
    stacks.api.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    assert stacks.delete(name) == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("policy", "left"), [("Delete", False), ("Retain", True), ("RetainExceptOnCreate", True)]
)
def test_deletion_policies(stacks: Stacks, policy: Any, left: Any) -> None:
    name = stacks.create(template({"P": parameter(DeletionPolicy=policy)}))
    physical = stacks.physical(name, "P")
    assert stacks.delete(name) == "DELETE_COMPLETE"
    assert bool(stacks.client("ssm").get_parameters(Names=[physical])["Parameters"]) is left
    assert stacks.story(stacks.made[0], "P")[-1] == ("DELETE_SKIPPED" if left else "DELETE_COMPLETE")


@pytest.mark.parametrize(
    ("policy", "more", "left"),
    [
        ("Retain", {}, True),
        ("RetainExceptOnCreate", {}, False),
        ("Retain", {"RetainExceptOnCreate": True}, False),
    ],
)
def test_deletion_policies_when_the_creation_fails(stacks: Stacks, policy: Any, more: Any, left: Any) -> None:
    resources = {"P": parameter(DeletionPolicy=policy), "Bad": {**BAD, "DependsOn": "P"}}
    name = stacks.create(template(resources), **more)
    physical = stacks.physical(name, "P")
    assert bool(stacks.client("ssm").get_parameters(Names=[physical])["Parameters"]) is left


def failed_deletion(stacks: Stacks) -> Any:
    s3 = stacks.client("s3")
    name = stacks.create(template({"B": {"Type": "AWS::S3::Bucket"}, "P": parameter({"Ref": "B"})}))
    bucket = stacks.physical(name, "B")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(ClientError, match="Only DELETE_FAILED stacks can be deleted with"):
        stacks.api.delete_stack(StackName=name, RetainResources=["B"])
    assert stacks.delete(name) == "DELETE_FAILED"
    assert stacks.describe(name)["StackStatusReason"] == "The following resource(s) failed to delete: [B]."
    return name, bucket


def test_retained_resources(stacks: Stacks) -> None:
    name, bucket = failed_deletion(stacks)
    assert stacks.delete(name, RetainResources=["B"]) == "DELETE_COMPLETE"
    assert stacks.client("s3").head_bucket(Bucket=bucket)


def test_forced_deletion(stacks: Stacks) -> None:
    name, bucket = failed_deletion(stacks)
    assert stacks.delete(name, DeletionMode="FORCE_DELETE_STACK") == "DELETE_COMPLETE"
    assert stacks.client("s3").head_bucket(Bucket=bucket)


def signalled(count: Any = "1", timeout: Any = "PT20S") -> Any:
    policy = {"ResourceSignal": {"Count": count, "Timeout": timeout}}
    return template({"P": parameter(CreationPolicy=policy), "After": parameter(DependsOn="P")})


def wait_for_physical(stacks: Stacks, name: Any) -> None:
    while not stacks.story(name, "P")[1:]:
        time.sleep(0.02)


def test_creation_policy(stacks: Stacks) -> None:
    name = stacks.create(signalled("2"), wait=False)
    wait_for_physical(stacks, name)
    for sender in ("a", "a", "b"):
        assert stacks.story(name, "After") == []
        stacks.api.signal_resource(StackName=name, LogicalResourceId="P", UniqueId=sender, Status="SUCCESS")
    assert stacks.settled(name) == "CREATE_COMPLETE"
    assert "P CREATE_IN_PROGRESS: Received SUCCESS signal with UniqueId b" in stacks.reasons(name)
    with pytest.raises(ClientError, match="Unable to signal resource P"):
        stacks.api.signal_resource(StackName=name, LogicalResourceId="P", UniqueId="c", Status="SUCCESS")


def test_creation_policy_that_hears_of_a_failure_or_nothing(stacks: Stacks) -> None:
    name = stacks.create(signalled(), wait=False)
    wait_for_physical(stacks, name)
    stacks.api.signal_resource(StackName=name, LogicalResourceId="P", UniqueId="a", Status="FAILURE")
    assert stacks.settled(name) == "ROLLBACK_COMPLETE"
    assert "P CREATE_FAILED: Received 1 FAILURE signal(s) out of 1." in stacks.reasons(name)
    silent = stacks.create(signalled(timeout="PT1S"))
    assert "Failed to receive 1 resource signal(s) within the specified duration" in stacks.reasons(silent)


def test_pages(stacks: Stacks) -> None:
    resources = {f"P{i}": parameter(str(i)) for i in range(40)}
    name = stacks.create(template(resources))
    first = stacks.api.describe_stack_events(StackName=name)
    assert len(first["StackEvents"]) == 100
    assert len(stacks.events(name)) == 122
    assert first["StackEvents"][0]["ResourceStatus"] == "CREATE_COMPLETE"
    events = stacks.api.describe_events(StackName=name, Filters={"FailedEvents": True})["OperationEvents"]
    assert events == []
    found = stacks.api.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert len(found) == 40
    owner = stacks.api.describe_stack_resources(PhysicalResourceId=found[0]["PhysicalResourceId"])
    assert {row["StackName"] for row in owner["StackResources"]} == {name}


def test_regions_are_apart(stacks: Stacks, endpoint: Any) -> None:
    import boto3

    name = stacks.create(template())
    elsewhere = boto3.client(
        "cloudformation", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="a",
        aws_secret_access_key="b",
    )  # fmt: skip
    with pytest.raises(ClientError, match="does not exist"):
        elsewhere.describe_stacks(StackName=name)
