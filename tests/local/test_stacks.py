"""A stack through the whole server: CloudFormation calls the services, a machine signals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

pytestmark = pytest.mark.local

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
SCRIPT = """#!/bin/sh
curl -s -X PUT -H 'Content-Type:' --data-binary \
'{"Status": "SUCCESS", "UniqueId": "i-1", "Data": "reachable", "Reason": ""}' '${Handle}'
"""


def template(timeout: str = "60") -> str:
    return json.dumps({
        "Parameters": {"Image": {"Type": "String"}},
        "Resources": {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Volume": {"Type": "AWS::EC2::Volume", "DeletionPolicy": "Delete", "Properties": {
                "AvailabilityZone": {"Fn::GetAtt": "Machine.AvailabilityZone"}, "Size": 1}},
            "Attached": {"Type": "AWS::EC2::VolumeAttachment", "Properties": {
                "Device": "/dev/sdf", "InstanceId": {"Ref": "Machine"}, "VolumeId": {"Ref": "Volume"}}},
            "Machine": {"Type": "AWS::EC2::Instance", "Properties": {
                "ImageId": {"Ref": "Image"}, "InstanceType": "t3.micro",
                "MetadataOptions": {"HttpTokens": "required"},
                "UserData": {"Fn::Base64": {"Fn::Sub": SCRIPT}}}},
            "Ready": {"Type": "AWS::CloudFormation::WaitCondition", "DependsOn": "Attached", "Properties": {
                "Handle": {"Ref": "Handle"}, "Timeout": timeout, "Count": 1}},
        },
        "Outputs": {
            "Machine": {"Value": {"Ref": "Machine"}}, "Said": {"Value": {"Fn::GetAtt": "Ready.Data"}}},
    })  # fmt: skip


def wait(stacks: Any, what: str, name: str) -> None:
    stacks.get_waiter(what).wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@pytest.fixture
def image(local_aws: Any) -> list[dict[str, str]]:
    value = local_aws.client("ssm").get_parameter(Name=AL2023)["Parameter"]["Value"]
    return [{"ParameterKey": "Image", "ParameterValue": value}]


def test_a_machines_signal_completes_its_stack(local_aws: Any, image: list[dict[str, str]]) -> None:
    if local_aws.call("GET", "/_local/status")["isolation"] != "namespaces":
        pytest.skip("raw user data is refused without namespaces")
    stacks, ec2 = local_aws.client("cloudformation"), local_aws.client("ec2")
    stacks.create_stack(StackName="one", TemplateBody=template(), Parameters=image)
    wait(stacks, "stack_create_complete", "one")
    outputs = stacks.describe_stacks(StackName="one")["Stacks"][0]["Outputs"]
    told = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    assert json.loads(told["Said"]) == {"i-1": "reachable"}
    machine = ec2.describe_instances(InstanceIds=[told["Machine"]])["Reservations"][0]["Instances"][0]
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    assert {tag["Key"] for tag in machine["Tags"]} >= {"aws:cloudformation:stack-name"}
    stacks.delete_stack(StackName="one")
    wait(stacks, "stack_delete_complete", "one")
    gone = ec2.describe_instances(InstanceIds=[told["Machine"]])["Reservations"][0]["Instances"][0]
    assert gone["State"]["Name"] == "terminated"


def test_a_signal_that_never_comes_fails_the_stack(local_aws: Any, image: list[dict[str, str]]) -> None:
    stacks = local_aws.client("cloudformation")
    local_aws.call("POST", "/_local/faults", {"signal_never": True})
    try:
        stacks.create_stack(StackName="two", TemplateBody=template("3"), Parameters=image, OnFailure="DELETE")
        with pytest.raises(WaiterError):
            wait(stacks, "stack_create_complete", "two")
    finally:
        local_aws.call("DELETE", "/_local/faults")
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe_stacks(StackName="two")
