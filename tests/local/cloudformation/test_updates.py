"""Updates: in place, by replacement, refused, and taken back."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.local.cloudformation.builders import BAD, parameter, template

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

ALLOW = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
NAMED = {"N": {"Type": "String", "Default": "one"}}


def named(**attributes: Any) -> Any:
    return {
        "P": {
            **parameter(),
            **attributes,
            "Properties": {"Type": "String", "Value": "v", "Name": {"Ref": "N"}},
        }
    }


def exists(stacks: Stacks, name: Any) -> Any:
    return bool(stacks.client("ssm").get_parameters(Names=[name])["Parameters"])


def test_nothing_to_update(stacks: Stacks) -> None:
    name = stacks.create(template({"P": parameter("5")}))
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update(name, template({"P": parameter(5)}))
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update(name)
    # An output alone is a change.
    assert (
        stacks.update(name, template({"P": parameter(5)}, Outputs={"O": {"Value": "1"}})) == "UPDATE_COMPLETE"
    )
    assert stacks.outputs(name) == {"O": "1"}
    assert stacks.story(name, "P")[-1] == "CREATE_COMPLETE"


def test_in_place(stacks: Stacks) -> None:
    resources = {"P": parameter({"Ref": "V"}), "Q": parameter({"Fn::GetAtt": ["P", "Value"]})}
    name = stacks.create(
        template(
            resources,
            Parameters={"V": {"Type": "String", "Default": "1"}, "W": {"Type": "String", "Default": "kept"}},
        )
    )
    before = stacks.physical(name, "P")
    assert stacks.update(name, parameters={"V": "2", "W": None}) == "UPDATE_COMPLETE"
    assert stacks.physical(name, "P") == before
    assert stacks.story(name, "P")[-2:] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    # What refers to the changed attribute follows.
    found = stacks.client("ssm").get_parameter(Name=stacks.physical(name, "Q"))
    assert found["Parameter"]["Value"] == "2"
    assert "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" in stacks.story(name, name)


def test_replacement_creates_before_it_deletes(stacks: Stacks) -> None:
    one, two = f"/r/{stacks.name()}", f"/r/{stacks.name()}"
    name = stacks.create(template(named(), Parameters=NAMED), parameters={"N": one})
    assert stacks.update(name, parameters={"N": two}) == "UPDATE_COMPLETE"
    assert stacks.physical(name, "P") == two
    assert not exists(stacks, one)
    events = [e for e in stacks.events(name) if e["LogicalResourceId"] in {"P", name}]
    told = [(e["ResourceStatus"], e["PhysicalResourceId"]) for e in events][-7:]
    stack_id = stacks.made[0]
    assert told == [
        ("UPDATE_IN_PROGRESS", one),
        ("UPDATE_IN_PROGRESS", two),
        ("UPDATE_COMPLETE", two),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", stack_id),
        ("DELETE_IN_PROGRESS", one),
        ("DELETE_COMPLETE", one),
        ("UPDATE_COMPLETE", stack_id),
    ]
    assert "requires the creation of a new physical resource" in stacks.reasons(name)


def test_update_replace_policy(stacks: Stacks) -> None:
    one, two = f"/r/{stacks.name()}", f"/r/{stacks.name()}"
    body = template(named(UpdateReplacePolicy="Retain"), Parameters=NAMED)
    name = stacks.create(body, parameters={"N": one})
    assert stacks.update(name, parameters={"N": two}) == "UPDATE_COMPLETE"
    assert exists(stacks, one)


def test_a_failed_update_is_taken_back(stacks: Stacks) -> None:
    one, two = f"/r/{stacks.name()}", f"/r/{stacks.name()}"
    first = {"Keep": parameter("old"), "Gone": parameter("old"), **named()}
    name = stacks.create(template(first, Parameters=NAMED), parameters={"N": one})
    gone = stacks.physical(name, "Gone")
    second = {
        "Keep": parameter("new"),
        **named(DependsOn="Keep"),
        "New": parameter(DependsOn="P"),
        "Bad": {**BAD, "DependsOn": "New"},
    }
    assert (
        stacks.update(name, template(second, Parameters=NAMED), parameters={"N": two})
        == "UPDATE_ROLLBACK_COMPLETE"
    )
    reasons = stacks.reasons(name)
    assert "UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [Bad]." in reasons
    assert "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" in reasons
    assert stacks.physical(name, "P") == one
    assert exists(stacks, one)
    assert not exists(stacks, two)
    assert exists(stacks, gone)
    kept = stacks.client("ssm").get_parameter(Name=stacks.physical(name, "Keep"))["Parameter"]["Value"]
    assert kept == "old"
    left = {
        r["LogicalResourceId"] for r in stacks.api.describe_stack_resources(StackName=name)["StackResources"]
    }
    assert left == {"Keep", "Gone", "P"}
    assert stacks.describe(name)["Parameters"][0]["ParameterValue"] == one


def test_a_removed_resource_is_deleted_after_the_rest(stacks: Stacks) -> None:
    name = stacks.create(template({"P": parameter(), "Q": parameter()}))
    gone = stacks.physical(name, "Q")
    assert stacks.update(name, template({"P": parameter("y")})) == "UPDATE_COMPLETE"
    assert not exists(stacks, gone)
    assert stacks.story(name, "Q")[-1] == "DELETE_COMPLETE"


def test_without_rollback_a_failed_update_stays_and_can_be_mended(stacks: Stacks) -> None:
    name = stacks.create(template())
    assert (
        stacks.update(name, template({"P": parameter("y"), "Bad": BAD}), DisableRollback=True)
        == "UPDATE_FAILED"
    )
    assert stacks.update(name, template({"P": parameter("z")})) == "UPDATE_COMPLETE"


def policy(*statements: Any) -> Any:
    return json.dumps({"Statement": statements})


@pytest.mark.parametrize("action", ["Update:Replace", "Update:*"])
def test_a_stack_policy_denies_replacement(stacks: Stacks, action: Any) -> None:
    one = f"/r/{stacks.name()}"
    deny = {"Effect": "Deny", "Action": action, "Principal": "*", "Resource": "LogicalResourceId/P"}
    body = template(named(), Parameters=NAMED)
    name = stacks.create(body, parameters={"N": one}, StackPolicyBody=policy(ALLOW, deny))
    assert stacks.update(name, parameters={"N": f"{one}x"}) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Action denied by stack policy: Statement [#2] denies [Update:Replace]" in stacks.reasons(name)
    assert stacks.physical(name, "P") == one
    # For one update another policy may hold.
    more = {"StackPolicyDuringUpdateBody": policy(ALLOW)}
    assert stacks.update(name, parameters={"N": f"{one}y"}, **more) == "UPDATE_COMPLETE"


def test_a_stack_policy_denies_deletion_and_what_it_does_not_mention(stacks: Stacks) -> None:
    name = stacks.create(template({"P": parameter(), "Q": parameter()}))
    deny = {"Effect": "Deny", "Action": "Update:Delete", "Principal": "*", "Resource": "*"}
    stacks.api.set_stack_policy(StackName=name, StackPolicyBody=policy(ALLOW, deny))
    assert json.loads(stacks.api.get_stack_policy(StackName=name)["StackPolicyBody"])["Statement"][1] == deny
    assert stacks.update(name, template({"P": parameter("y")})) == "UPDATE_ROLLBACK_COMPLETE"
    assert exists(stacks, stacks.physical(name, "Q"))
    only = {"Effect": "Allow", "Action": "Update:Modify", "Principal": "*", "Resource": "*"}
    buckets = {"StringEquals": {"ResourceType": ["AWS::S3::Bucket"]}}
    stacks.api.set_stack_policy(StackName=name, StackPolicyBody=policy({**only, "Condition": buckets}))
    both = template({"P": parameter("z"), "Q": parameter()})
    assert stacks.update(name, both) == "UPDATE_ROLLBACK_COMPLETE"
    assert "no statement allows [Update:Modify] for resource [LogicalResourceId/P]" in stacks.reasons(name)
    with pytest.raises(ClientError, match="Invalid stack policy"):
        stacks.api.set_stack_policy(StackName=name, StackPolicyBody='{"Statement": [{"Effect": "Maybe"}]}')


def test_exports_in_use_cannot_change(stacks: Stacks) -> None:
    key = stacks.name()
    source = template(Parameters=NAMED, Outputs={"O": {"Value": {"Ref": "N"}, "Export": {"Name": key}}})
    name = stacks.create(source)
    stacks.create(template({"P": parameter({"Fn::ImportValue": key})}))
    assert stacks.update(name, parameters={"N": "two"}) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Export {key} cannot be updated as it is in use by" in stacks.reasons(name)
    assert stacks.outputs(name) == {"O": "one"}


def machine(**properties: Any) -> Any:
    image = {"Ref": "I"}
    resources = {"M": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": image, **properties}}}
    declared = {
        "I": {
            "Type": "AWS::SSM::Parameter::Value<String>",
            "Default": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        }
    }
    return template(resources, Parameters=declared)


def test_an_instance_is_resized_in_place(stacks: Stacks) -> None:
    ec2 = stacks.client("ec2")
    name = stacks.create(
        machine(InstanceType="t3.micro", UserData={"Fn::Base64": "one"}, DisableApiTermination=True)
    )
    instance = stacks.physical(name, "M")
    changed = machine(
        InstanceType="t3.large",
        UserData={"Fn::Base64": "two"},
        SourceDestCheck="false",
        InstanceInitiatedShutdownBehavior="terminate",
        MetadataOptions={"HttpTokens": "required"},
        Tags=[{"Key": "Name", "Value": "big"}],
    )
    assert stacks.update(name, changed, Tags=[{"Key": "team", "Value": "x"}]) == "UPDATE_COMPLETE", (
        stacks.reasons(name)
    )
    assert stacks.physical(name, "M") == instance
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert (found["InstanceType"], found["State"]["Name"]) == ("t3.large", "running")
    assert found["SourceDestCheck"] is False
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert (tags["Name"], tags["team"], tags["aws:cloudformation:logical-id"]) == ("big", "x", "M")
    data = ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
    assert data["UserData"]["Value"] == "dHdv"


def test_a_stopped_instance_stays_stopped(stacks: Stacks) -> None:
    ec2 = stacks.client("ec2")
    name = stacks.create(machine(InstanceType="t3.micro"))
    instance = stacks.physical(name, "M")
    ec2.stop_instances(InstanceIds=[instance])
    assert stacks.update(name, machine(InstanceType="t3.small")) == "UPDATE_COMPLETE"
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert (found["InstanceType"], found["State"]["Name"]) == ("t3.small", "stopped")


def test_a_volume_grows_but_does_not_move(stacks: Stacks) -> Any:
    def volume(**properties: Any) -> Any:
        given = {"AvailabilityZone": "us-east-1a", "Size": 4, **properties}
        return template({"V": {"Type": "AWS::EC2::Volume", "Properties": given}})

    name = stacks.create(volume())
    assert stacks.update(name, volume(Size="9")) == "UPDATE_COMPLETE"
    found = stacks.client("ec2").describe_volumes(VolumeIds=[stacks.physical(name, "V")])["Volumes"][0]
    assert found["Size"] == 9
    assert stacks.update(name, volume(Size=3)) == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.update(name, volume(Size=9, AvailabilityZone="us-east-1b")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "of an AWS::EC2::Volume is not supported" in stacks.reasons(name)


WAITING: dict[str, Any] = {
    "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    "Wait": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "DependsOn": "Topic",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "20"},
    },
}


def topic(display: str, **more: Any) -> str:
    return template({"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": display}}, **more})


def begin_waiting(stacks: Stacks) -> str:
    name = stacks.create(topic("one"))
    stacks.api.update_stack(StackName=name, TemplateBody=topic("two", **WAITING))
    while not stacks.story(name, "Wait"):
        time.sleep(0.02)
    return name


def test_a_cancelled_update_is_taken_back(stacks: Stacks) -> None:
    name = begin_waiting(stacks)
    with pytest.raises(ClientError, match="cannot be deleted while in status UPDATE_IN_PROGRESS"):
        stacks.api.delete_stack(StackName=name)
    stacks.api.cancel_update_stack(StackName=name)
    assert stacks.settled(name) == "UPDATE_ROLLBACK_COMPLETE"
    arn = stacks.physical(name, "Topic")
    assert stacks.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "one"
    with pytest.raises(ClientError, match="CancelUpdateStack cannot be called"):
        stacks.api.cancel_update_stack(StackName=name)


def test_a_rollback_that_fails_can_go_on_without_what_failed(stacks: Stacks) -> None:
    name = begin_waiting(stacks)
    stacks.client("sns").delete_topic(TopicArn=stacks.physical(name, "Topic"))
    stacks.api.cancel_update_stack(StackName=name)
    assert stacks.settled(name) == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(ClientError, match="is in UPDATE_ROLLBACK_FAILED state and can not be updated"):
        stacks.update(name, topic("three"))
    stacks.api.continue_update_rollback(StackName=name)
    assert stacks.settled(name) == "UPDATE_ROLLBACK_FAILED"
    stacks.api.continue_update_rollback(StackName=name, ResourcesToSkip=["Topic"])
    assert stacks.settled(name) == "UPDATE_ROLLBACK_COMPLETE"


def test_a_creation_that_failed_and_stayed_is_finished_by_an_update(stacks: Stacks) -> None:
    name = stacks.create(template({"P": parameter(), "Bad": {**BAD, "DependsOn": "P"}}), DisableRollback=True)
    good = stacks.physical(name, "P")
    assert stacks.status(name) == "CREATE_FAILED"
    assert stacks.update(name, template({"P": parameter(), "Bad": parameter()})) == "UPDATE_COMPLETE"
    assert stacks.physical(name, "P") == good
    assert exists(stacks, stacks.physical(name, "Bad"))
