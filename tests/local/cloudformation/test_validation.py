"""What is refused before anything is made, in CloudFormation's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.local.cloudformation.builders import parameter, template

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

IAM: dict[str, Any] = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}


def refused(stacks: Stacks, body: Any, **more: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        stacks.create(body, **more)
    assert not stacks.made
    return caught.value.response["Error"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"Resources": ', "Template format error: JSON not well-formed. (line 1, column 15)"),
        ("Resources: [", "Template format error: YAML not well-formed. (line 2, column 1)"),
        ("just text", "Template format error: unsupported structure."),
        ("{}", "Template format error: At least one Resources member must be defined."),
        (template(Stuff={}), "Invalid template property or properties [Stuff]"),
        (template({"A_b": parameter()}), "Template format error: Resource name A_b is non alphanumeric."),
        (template({"A": {"Properties": {}}}), "Every Resources object must contain a Type member."),
        (template({"A": parameter(Retain=True)}), "Invalid template resource property 'Retain'"),
        (
            template({"A": {"Type": "AWS::RDS::DBInstance"}, "B": {"Type": "Foo::Bar"}}),
            "Template format error: Unrecognized resource types: [AWS::RDS::DBInstance, Foo::Bar]",
        ),
        (
            template({"A": parameter({"Ref": "Nobody"})}),
            "Unresolved resource dependencies [Nobody] in the Resources block of the template",
        ),
        (
            template({"A": parameter({"Fn::Sub": "${X.Arn} ${!kept} ${AWS::Region}"})}),
            "Unresolved resource dependencies [X] in the Resources block",
        ),
        (
            template({"A": parameter(DependsOn="Gone")}),
            "Unresolved resource dependencies [Gone] in the Resources block",
        ),
        (
            template(Outputs={"O": {"Value": {"Ref": "Q"}}}),
            "Unresolved resource dependencies [Q] in the Outputs block of the template",
        ),
        (
            template(
                {"A": parameter({"Ref": "B"}), "B": parameter({"Ref": "A"}), "C": parameter({"Ref": "B"})}
            ),
            "Circular dependency between resources: [A, B]",
        ),
        (
            template({"A": parameter(Condition="Never")}),
            "Template format error: Unresolved condition dependency Never in the Resources block",
        ),
        (
            template({"A": parameter({"Fn::FindInMap": ["M", "a", "c"]})}, Mappings={"M": {"a": {"b": "1"}}}),
            "Template error: Unable to get mapping for M::a::c",
        ),
        (
            template({"A": parameter({"Fn::Select": [3, ["a", "b"]]})}),
            "Template error: Fn::Select cannot select nonexistent value at index 3",
        ),
        (
            template({"A": parameter(DeletionPolicy="Snapshot")}),
            "does not support deletion policy Snapshot",
        ),
        (template(Transform="AWS::Serverless-2016-10-31"), "Transforms are not supported"),
        (template(Parameters={"A": {"Type": "Strange"}}), "Unrecognized parameter type: Strange"),
        (template(Description="x" * 51_200), "less than or equal to 51200"),
    ],
)
def test_templates(stacks: Stacks, body: Any, message: Any) -> None:
    error = refused(stacks, body)
    assert error["Code"] == "ValidationError"
    assert message in error["Message"]


AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
DECLARED = {
    "Size": {"Type": "String", "AllowedValues": ["s", "m"], "Default": "s"},
    "Name": {"Type": "String", "AllowedPattern": "[a-z]+", "MinLength": 2, "MaxLength": 4, "Default": "abc"},
    "Count": {"Type": "Number", "MinValue": 1, "MaxValue": 5, "Default": 2},
    "Zone": {
        "Type": "String", "AllowedPattern": "z.*", "ConstraintDescription": "begins with z", "Default": "z",
    },
    "Many": {"Type": "List<Number>", "Default": "1,2"},
    "Words": {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"], "Default": "a, b"},
    "Image": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": AL2023},
}  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Size": "l"}, "Parameter 'Size' must be one of AllowedValues"),
        ({"Name": "ABC"}, "Parameter 'Name' must match pattern [a-z]+"),
        ({"Name": "a"}, "Parameter 'Name' must contain at least 2 characters"),
        ({"Name": "abcde"}, "Parameter 'Name' must contain at most 4 characters"),
        ({"Count": "0"}, "Parameter 'Count' must be a number not less than 1"),
        ({"Count": "6"}, "Parameter 'Count' must be a number not greater than 5"),
        ({"Count": "many"}, "Parameter 'Count' must be a number"),
        ({"Zone": "a"}, "Parameter 'Zone' failed to satisfy constraint: begins with z"),
        ({"Many": "1,b"}, "Parameter 'Many' must be a number"),
        ({"Words": "a,c"}, "Parameter 'Words' must be one of AllowedValues"),
        ({"Image": "/no"}, "Unable to fetch parameters [/no] from parameter store for this account."),
        ({"Else": "1", "Also": "2"}, "Parameters: [Also, Else] do not exist in the template"),
        ({"Name": "é" * 2049}, "less than or equal to 4096"),
        ({"Size": None}, "Cannot specify usePreviousValue as true"),
    ],
)
def test_parameters(stacks: Stacks, parameters: Any, message: Any) -> None:
    error = refused(stacks, template(Parameters=DECLARED), parameters=parameters)
    assert error["Code"] == "ValidationError"
    assert message in error["Message"]


def test_a_parameter_without_a_value(stacks: Stacks) -> None:
    declared = {"A": {"Type": "String"}, "B": {"Type": "String"}}
    error = refused(stacks, template(Parameters=declared), parameters={"A": "1"})
    assert error["Message"] == "Parameters: [B] must have values"


def test_a_parameter_that_names_what_is_not_there(stacks: Stacks) -> None:
    declared = {"Vpc": {"Type": "AWS::EC2::VPC::Id"}}
    name = stacks.create(template(Parameters=declared), parameters={"Vpc": "vpc-12345678"})
    assert stacks.status(name) == "ROLLBACK_COMPLETE"
    text = "Parameter validation failed: parameter value vpc-12345678 for parameter name Vpc does not exist."
    assert f"{text} Rollback requested by user." in stacks.reasons(name)


@pytest.mark.parametrize(
    ("more", "capabilities", "wanted"),
    [
        ({}, [], "CAPABILITY_IAM"),
        ({"RoleName": "fixed"}, [], "CAPABILITY_NAMED_IAM"),
        ({"RoleName": "fixed"}, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ],
)
def test_capabilities(stacks: Stacks, more: Any, capabilities: Any, wanted: Any) -> None:
    role = {**IAM, "Properties": {**IAM["Properties"], **more}}
    error = refused(stacks, template({"R": role}), Capabilities=capabilities)
    assert error["Code"] == "InsufficientCapabilitiesException"
    assert error["Message"] == f"Requires capabilities : [{wanted}]"


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Type": "String", "Value": "x", "Colour": "red"}, "#: extraneous key [Colour] is not permitted"),
        ({"Type": "String"}, "#: required key [Value] not found"),
        ({"Type": "String", "Value": "x", "Arn": "y"}, "#: extraneous key [Arn] is not permitted"),
    ],
)
def test_properties_are_those_of_the_registry(stacks: Stacks, properties: Any, reason: Any) -> None:
    name = stacks.create(template({"P": {"Type": "AWS::SSM::Parameter", "Properties": properties}}))
    assert stacks.status(name) == "ROLLBACK_COMPLETE"
    assert f"Properties validation failed for resource P with message:\n{reason}" in stacks.reasons(name)


def test_a_property_that_would_be_ignored_is_refused(stacks: Stacks) -> None:
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"AccelerateConfiguration": {"AccelerationStatus": "Enabled"}},
    }
    name = stacks.create(template({"B": bucket}))
    assert "does not support AccelerateConfiguration of AWS::S3::Bucket" in stacks.reasons(name)


def test_user_data_of_more_than_16_kib(stacks: Stacks) -> None:
    properties = {"ImageId": "ami-1", "UserData": {"Fn::Base64": "x" * 16_385}}
    name = stacks.create(template({"I": {"Type": "AWS::EC2::Instance", "Properties": properties}}))
    assert "User data is limited to 16384 bytes" in stacks.reasons(name)


def test_unknown_actions_and_missing_members(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="InvalidAction"):
        stacks.api.create_stack_set(StackSetName="x")
    with pytest.raises(ClientError, match="Stack with id nobody does not exist"):
        stacks.api.describe_stacks(StackName="nobody")
    with pytest.raises(ClientError, match="Stack \\[nobody\\] does not exist"):
        stacks.api.update_stack(StackName="nobody", TemplateBody=template())
    with pytest.raises(ClientError, match="at 'stackName' failed to satisfy constraint"):
        stacks.create(template(), name="1_a")


def test_a_template_in_a_bucket(stacks: Stacks) -> None:
    s3, bucket = stacks.client("s3"), stacks.name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="t.json", Body=template().encode() + b" " * 60_000)
    url = f"https://{bucket}.s3.us-east-1.amazonaws.com/t.json"
    summary = stacks.api.get_template_summary(TemplateURL=url)
    assert summary["ResourceTypes"] == ["AWS::SSM::Parameter"]
    with pytest.raises(ClientError, match="S3 error: The specified key does not exist"):
        stacks.api.validate_template(TemplateURL=f"{url}x")

    name = stacks.create(None, TemplateURL=f"{stacks.api.meta.endpoint_url}/{bucket}/t.json")
    stacks.api.update_stack(StackName=name, TemplateURL=url, Tags=[{"Key": "a", "Value": "b"}])
    assert stacks.settled(name) == "UPDATE_COMPLETE"
    with pytest.raises(ClientError, match="Only one of TemplateBody or TemplateURL"):
        stacks.create(template(), TemplateURL=url)

    s3.put_object(Bucket=bucket, Key="t.json", Body=template().encode() + b" " * 1_000_000)
    with pytest.raises(ClientError, match="may not exceed"):
        stacks.create(None, TemplateURL=url)


@pytest.mark.parametrize(
    "url",
    [
        "http://bucket.s3.us-east-1.amazonaws.com/t.json",
        "https://bucket.s3-website-us-east-1.amazonaws.com/t.json",
        "s3://bucket/t.json",
        "https://bucket.s3.us-east-1.amazonaws.com/",
        "https://example.com/bucket/t.json",
    ],
)
def test_an_address_that_is_not_s3s_is_refused(stacks: Stacks, url: str) -> None:
    with pytest.raises(ClientError, match="TemplateURL must be a supported URL"):
        stacks.api.validate_template(TemplateURL=url)


def test_validate_template_and_summary(stacks: Stacks) -> None:
    body = template({"R": IAM}, Parameters=DECLARED, Description="d", Metadata={"a": 1})
    found = stacks.api.validate_template(TemplateBody=body)
    assert found["Capabilities"] == ["CAPABILITY_IAM"]
    assert {p["ParameterKey"]: p.get("DefaultValue") for p in found["Parameters"]}["Count"] == "2"
    summary = stacks.api.get_template_summary(TemplateBody=body)
    assert summary["Parameters"][0]["ParameterConstraints"]["AllowedValues"] == ["s", "m"]
    assert json.loads(summary["Metadata"]) == {"a": 1}
