"""Rules of our own, on every template: what no general judge looks for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from ds_ec2.model import names

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cdk

Template = dict[str, Any]
INSTANCE = "AWS::EC2::Instance"


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of a type, by logical id."""
    return {
        key: one.get("Properties", {}) for key, one in template["Resources"].items() if one["Type"] == kind
    }


def one_of(template: Template, kind: str) -> dict[str, Any]:
    (properties,) = of_type(template, kind).values()
    return properties


def machine_id(template: Template) -> str:
    """Logical id of the machine's own instance: the NAT instance has no role."""
    (found,) = (key for key, one in of_type(template, INSTANCE).items() if "IamInstanceProfile" in one)
    return found


def machine_of(template: Template) -> dict[str, Any]:
    return of_type(template, INSTANCE)[machine_id(template)]


def references(value: Any) -> set[str]:
    """Everything that a value refers to: Ref, Fn::GetAtt, and the names in Fn::Sub."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    found = references(list(value.values()))
    found |= {value["Ref"]} if "Ref" in value else set()
    found |= {value["Fn::GetAtt"][0]} if "Fn::GetAtt" in value else set()
    if "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        found |= set(re.findall(r"\$\{([^!}]+)\}", text))
    return found


def statements(template: Template, service: str) -> Iterator[dict[str, Any]]:
    """Statements of the inline policies of the roles that a service takes."""
    for role in of_type(template, "AWS::IAM::Role").values():
        if role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] == service:
            for policy in role["Policies"]:
                yield from policy["PolicyDocument"]["Statement"]


def test_every_instance_asks_for_imdsv2(template: Template) -> None:
    for one in of_type(template, INSTANCE).values():
        assert one["MetadataOptions"]["HttpTokens"] == "required"
        assert one["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


def test_every_disk_is_encrypted_gp3(template: Template) -> None:
    disks = [
        mapping["Ebs"]
        for one in of_type(template, INSTANCE).values()
        for mapping in one["BlockDeviceMappings"]
    ] + list(of_type(template, "AWS::EC2::Volume").values())
    assert disks
    for disk in disks:
        assert disk["Encrypted"] is True
        assert disk["VolumeType"] == "gp3"


def test_nothing_comes_in_but_the_vpc_to_the_way_out(network_template: Template) -> None:
    groups = of_type(network_template, "AWS::EC2::SecurityGroup")
    inbound = {
        key: one["SecurityGroupIngress"] for key, one in groups.items() if "SecurityGroupIngress" in one
    }
    (name,) = inbound
    assert "WayOutGroup" in name
    assert [rule["CidrIp"] for rule in inbound[name]] == [{"Ref": "VpcCidr"}]
    assert not of_type(network_template, "AWS::EC2::SecurityGroupIngress")
    assert len(groups) == 2


def test_a_machine_has_no_public_address(machine_template: Template) -> None:
    machine = machine_of(machine_template)
    assert "NetworkInterfaces" not in machine
    assert "SubnetId" in machine
    assert "SecurityGroupIds" in machine


def test_no_subnet_gives_public_addresses(network_template: Template) -> None:
    for subnet in of_type(network_template, "AWS::EC2::Subnet").values():
        assert subnet["MapPublicIpOnLaunch"] is False


def test_private_subnets_lead_to_the_way_out_alone(network_template: Template) -> None:
    routes = of_type(network_template, "AWS::EC2::Route")
    out = {json.dumps(one["RouteTableId"]): one for one in routes.values()}
    assert len(out) == len(routes) == 2
    for join in of_type(network_template, "AWS::EC2::SubnetRouteTableAssociation").values():
        route = out[json.dumps(join["RouteTableId"])]
        assert ("GatewayId" if "Public" in join["SubnetId"]["Ref"] else "InstanceId") in route


def test_no_resource_has_a_fixed_name(template: Template) -> None:
    """Two stacks stand side by side: a name comes from AWS, or holds the stack's name."""
    naming = {
        "Name",
        "RoleName",
        "InstanceProfileName",
        "GroupName",
        "BucketName",
        "FunctionName",
        "LogGroupName",
    }
    naming |= {"PolicyName", "ManagedPolicyName", "LaunchTemplateName"}
    found = {
        f"{key}.{name}": value
        for key, one in template["Resources"].items()
        for name, value in one.get("Properties", {}).items()
        if name in naming and "AWS::StackName" not in references(value) and "Ref" not in value
    }
    assert not found


def test_the_machine_may_do_nothing_by_wildcard(machine_template: Template) -> None:
    allowed = [one for one in statements(machine_template, "ec2.amazonaws.com") if one["Effect"] == "Allow"]
    assert len(allowed) == 3
    for statement in allowed:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        text = json.dumps(statement["Resource"])
        assert '"*"' not in text
        assert "*" not in text.replace("/${AWS::StackName}/*", "")
    (role,) = (
        one for one in of_type(machine_template, "AWS::IAM::Role").values() if "ManagedPolicyArns" in one
    )
    assert [arn["Fn::Sub"].split("/")[-1] for arn in role["ManagedPolicyArns"]] == [
        "AmazonSSMManagedInstanceCore"
    ]


def test_the_machine_reads_its_own_parameters_alone(machine_template: Template) -> None:
    (deny,) = (one for one in statements(machine_template, "ec2.amazonaws.com") if one["Effect"] == "Deny")
    assert set(deny["Action"]) == {
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
        "ssm:GetParameterHistory",
    }
    assert [one["Fn::Sub"].split(":parameter")[1] for one in deny["NotResource"]] == [
        "/ds-ec2/${AWS::StackName}/*",
        "/aws/service/*",
    ]
    every = of_type(machine_template, "AWS::SSM::Parameter").values()
    assert all(one["Name"]["Fn::Sub"].startswith("/ds-ec2/${AWS::StackName}/") for one in every)


def test_the_account_functions_act_on_what_is_theirs_alone(network_template: Template) -> None:
    narrow = 0
    for statement in statements(network_template, "lambda.amazonaws.com"):
        if statement["Resource"] == "*":
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert all(action.startswith("ec2:Describe") for action in actions)
        elif "*" in json.dumps(statement):
            narrow += 1
            assert statement in CARETAKERS
    assert narrow == len(CARETAKERS)


CARETAKERS = [
    {
        "Effect": "Allow",
        "Action": "ssm:GetParameters",
        "Resource": {
            "Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/ds-ec2/*/status"
        },
    },
    {
        "Effect": "Allow",
        "Action": [
            "ec2:StopInstances",
            "ec2:CreateTags",
            "ec2:ModifyInstanceCapacityReservationAttributes",
            "ec2:CancelCapacityReservation",
        ],
        "Resource": [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:ec2:${{AWS::Region}}:${{AWS::AccountId}}:{what}/*"}
            for what in ("instance", "capacity-reservation")
        ],
        "Condition": {
            "StringEquals": {"aws:ResourceTag/ds-ec2:part": ["machine", "all-in-one", "hold"]},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["ds-ec2:stopped-because"]},
        },
    },
    {
        "Effect": "Allow",
        "Action": "cloudformation:DescribeStacks",
        "Resource": {
            "Fn::Sub": "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/*"
        },
    },
    {
        "Effect": "Allow",
        "Action": "ec2:CancelSpotInstanceRequests",
        "Resource": {
            "Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:spot-instances-request/*"
        },
        "Condition": {"Null": {"aws:ResourceTag/ds-ec2:stack": "false"}},
    },
    {
        "Effect": "Allow",
        "Action": "ec2:TerminateInstances",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"},
        "Condition": {
            "ArnLike": {
                "ec2:InstanceProfile": {
                    "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/ds-ec2-*"
                }
            }
        },
    },
    {
        "Effect": "Allow",
        "Action": "ec2:CreateTags",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"},
        "Condition": {
            "StringEquals": {"aws:ResourceTag/ds-ec2:part": ["machine", "all-in-one", "network"]},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["ds-ec2:spent"]},
        },
    },
]
"""All that the account's functions may do to what they do not know by name."""


REPLACES = {names.MachineParameter.IMAGE, names.MachineParameter.SUBNET}
RESTARTS = {
    names.MachineParameter.INSTANCE_TYPE,
    names.MachineParameter.ROOT_DEVICE,
    names.MachineParameter.ROOT_GIB,
    names.MachineParameter.SECURITY_GROUP,
}
TAGS = {names.MachineParameter.NAME, names.MachineParameter.OWNER, names.MachineParameter.MAX_MINUTES}


def test_no_change_of_packages_or_settings_touches_the_instance(texts: dict[str, str]) -> None:
    template = json.loads(texts["machine"])
    used = references(machine_of(template)) & set(template["Parameters"])
    assert used == REPLACES | RESTARTS | TAGS
    assert not references(machine_of(template)["UserData"]) & set(template["Parameters"])


def test_readiness_waits_for_the_volume_and_not_for_the_instance_alone(machine_template: Template) -> None:
    ready = next(
        one
        for one in machine_template["Resources"].values()
        if one["Type"] == "AWS::CloudFormation::WaitCondition"
    )
    (attached,) = of_type(machine_template, "AWS::EC2::VolumeAttachment")
    assert ready["DependsOn"] == [attached]
    assert ready["Properties"]["Count"] == 1
    assert not any("CreationPolicy" in one for one in machine_template["Resources"].values())


def test_a_machine_stops_and_does_not_vanish_on_shutdown(machine_template: Template) -> None:
    assert machine_of(machine_template)["InstanceInitiatedShutdownBehavior"] == "stop"


def test_a_machine_finds_its_parameters_when_it_boots(machine_template: Template) -> None:
    machine = machine_template["Resources"][machine_id(machine_template)]
    assert set(of_type(machine_template, "AWS::SSM::Parameter")) <= set(machine["DependsOn"])


def test_tags_reach_machine_and_volumes(machine_template: Template) -> None:
    machine = machine_of(machine_template)
    keys = {tag["Key"] for tag in machine["Tags"]}
    assert {names.TAG_NAME, names.TAG_OWNER, names.TAG_PART} <= keys
    assert names.TAG_MANAGED_BY not in keys  # whoever deploys says so, on the stack
    assert machine["PropagateTagsToVolumeOnCreation"] is True


def test_the_way_out_does_not_count_as_a_machine(network_template: Template) -> None:
    (way_out,) = (
        one for one in of_type(network_template, INSTANCE).values() if "IamInstanceProfile" not in one
    )
    assert {"Key": names.TAG_PART, "Value": "network"} in way_out["Tags"]
    assert way_out["SourceDestCheck"] is False


def test_data_go_with_their_stack_and_never_by_an_update(texts: dict[str, str]) -> None:
    (volume,) = json.loads(texts["data"])["Resources"].values()
    assert volume["DeletionPolicy"] == "Delete"
    assert volume["UpdateReplacePolicy"] == "Snapshot"


def test_the_bucket_is_private_encrypted_and_forgets(network_template: Template) -> None:
    bucket = one_of(network_template, "AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    [rule] = [one for one in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in one]
    assert (rule["ExpirationInDays"], rule["Prefix"]) == (7, "transit/"), "documents of environments stay"
    (deny,) = one_of(network_template, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_storage_endpoint_lets_wait_conditions_and_repositories_through(
    network_template: Template,
) -> None:
    endpoint = one_of(network_template, "AWS::EC2::VPCEndpoint")
    read, own, waits = endpoint["PolicyDocument"]["Statement"]
    assert read["Action"] == ["s3:Get*", "s3:List*"]
    assert read["Resource"] == "*"
    assert own["Condition"]["StringEquals"] == {"s3:ResourceAccount": {"Ref": "AWS::AccountId"}}
    assert "cloudformation-waitcondition-${AWS::Region}/*" in waits["Resource"]["Fn::Sub"]
    assert waits["Action"] == "s3:PutObject"


def test_nothing_bills_while_it_sleeps(network_template: Template) -> None:
    billing = {"AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::CloudWatch::Alarm", "AWS::EC2::FlowLog"}
    assert not billing & {one["Type"] for one in network_template["Resources"].values()}
    assert one_of(network_template, "AWS::EC2::VPCEndpoint")["VpcEndpointType"] == "Gateway"
    functions = of_type(network_template, "AWS::Lambda::Function")
    assert len(functions) == 3
    assert not any("ReservedConcurrentExecutions" in one for one in functions.values())
