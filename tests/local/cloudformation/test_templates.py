"""Templates as people write them, made, looked at through the services, and deleted without a trace."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.cloudformation.builders import put

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

TEMPLATES = Path(__file__).parent / "templates"


def text(name: Any) -> Any:
    return (TEMPLATES / name).read_text()


def deleted(stacks: Stacks, name: Any) -> None:
    status = stacks.delete(name)
    assert status == "DELETE_COMPLETE", stacks.reasons(stacks.made[-1])


def test_vpc_with_nat(stacks: Stacks) -> None:
    name = stacks.create(text("vpc_with_nat.yaml"), Tags=[{"Key": "team", "Value": "data"}])
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    outputs = stacks.outputs(name)
    assert outputs["PublicCidr"] == "10.192.0.0/24"
    ec2 = stacks.client("ec2")
    table = ec2.describe_route_tables(RouteTableIds=[outputs["Table"]])["RouteTables"][0]
    assert any(route.get("NatGatewayId") for route in table["Routes"])
    assert [a["SubnetId"] for a in table["Associations"]] == [outputs["Subnets"].split(",")[1]]
    vpc = ec2.describe_vpcs(VpcIds=[outputs["VPC"]])["Vpcs"][0]
    tags = {tag["Key"]: tag["Value"] for tag in vpc["Tags"]}
    assert tags["Name"] == "dev"
    assert tags["team"] == "data"
    assert tags["aws:cloudformation:stack-name"] == name
    assert tags["aws:cloudformation:logical-id"] == "VPC"
    deleted(stacks, name)
    assert not ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [outputs["VPC"]]}])["Vpcs"]


def test_role_with_policy(stacks: Stacks) -> None:
    name = stacks.create(text("role_with_policy.json"), Capabilities=["CAPABILITY_IAM"])
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    iam, role = stacks.client("iam"), stacks.outputs(name)["Role"]
    assert role.startswith(f"{name}-RootRole-")
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert {policy["PolicyArn"].split("/")[-1].split("-")[0] for policy in attached} == {
        "AmazonSSMManagedInstanceCore",
        name.split("-")[0],
    }
    assert sorted(iam.list_role_policies(RoleName=role)["PolicyNames"]) == ["inline", "root"]
    profile = iam.get_instance_profile(InstanceProfileName=stacks.outputs(name)["Profile"])
    assert [r["RoleName"] for r in profile["InstanceProfile"]["Roles"]] == [role]
    deleted(stacks, name)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=role)


def test_bucket_with_policy_and_objects_that_hold_it(stacks: Stacks) -> None:
    name = stacks.create(text("bucket_with_policy.yaml"))
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    s3, bucket = stacks.client("s3"), stacks.outputs(name)["Bucket"]
    assert "SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]
    assert rule["Expiration"] == {"Days": 7}
    # The server speaks no TLS, which the policy denies.
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    stack_id = stacks.describe(name)["StackId"]
    assert stacks.delete(name) == "DELETE_FAILED"
    assert "BucketNotEmpty" in stacks.reasons(stack_id)
    for version in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key="a", VersionId=version["VersionId"])
    deleted(stacks, name)


def test_launch_template_instance_and_volume(stacks: Stacks) -> None:
    name = stacks.create(text("launch_template.yaml"))
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    ec2, outputs = stacks.client("ec2"), stacks.outputs(name)
    instance = ec2.describe_instances(InstanceIds=[outputs["Machine"]])["Reservations"][0]["Instances"][0]
    assert instance["InstanceType"] == "t3.micro"
    assert [group["GroupId"] for group in instance["SecurityGroups"]] == [stacks.physical(name, "Group")]
    assert instance["PrivateIpAddress"] == outputs["Address"]
    volume = ec2.describe_volumes(VolumeIds=[outputs["Volume"]])["Volumes"][0]
    assert (volume["Size"], volume["Encrypted"]) == (5, True)
    assert volume["Attachments"][0]["InstanceId"] == outputs["Machine"]
    assert stacks.update(name, parameters={"Type": "t3.small"}) == "UPDATE_ROLLBACK_COMPLETE"
    # The new version replaces the machine; a volume cannot be attached to two.
    assert "already attached" in stacks.reasons(name)
    assert stacks.outputs(name) == outputs
    running = ec2.describe_instances(
        Filters=[
            {"Name": "tag:aws:cloudformation:stack-name", "Values": [name]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    )
    assert [i["InstanceId"] for r in running["Reservations"] for i in r["Instances"]] == [outputs["Machine"]]
    deleted(stacks, name)
    snapshots = ec2.describe_snapshots(Filters=[{"Name": "volume-id", "Values": [outputs["Volume"]]}])
    assert len(snapshots["Snapshots"]) == 1


def handle_of(stacks: Stacks, name: Any) -> Any:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for resource in stacks.api.describe_stack_resources(StackName=name)["StackResources"]:
            if resource["LogicalResourceId"] == "Handle" and resource.get("PhysicalResourceId"):
                return resource["PhysicalResourceId"]
        time.sleep(0.02)
    raise AssertionError


def test_wait_condition_counts_each_sender_once(stacks: Stacks) -> None:
    name = stacks.create(text("wait_condition.json"), wait=False, parameters={"Count": "2"})
    url = handle_of(stacks, name)
    first = '{"Status": "SUCCESS", "UniqueId": "one", "Data": "x", "Reason": ""}'
    assert put(url, first) == 200
    assert put(url, first) == 200
    time.sleep(0.5)
    assert stacks.status(name) == "CREATE_IN_PROGRESS"
    put(url, '{"Status": "SUCCESS", "UniqueId": "two", "Data": "y", "Reason": ""}')
    assert stacks.settled(name) == "CREATE_COMPLETE"
    assert stacks.outputs(name)["Data"] == '{"one":"x","two":"y"}'


def test_wait_condition_fails_with_its_reason(stacks: Stacks) -> None:
    name = stacks.create(text("wait_condition.json"), wait=False)
    put(handle_of(stacks, name), '{"Status": "FAILURE", "UniqueId": "i-1", "Reason": "no disk"}')
    assert stacks.settled(name) == "ROLLBACK_COMPLETE"
    assert "'no disk' for uniqueId: i-1" in stacks.reasons(name)
    assert stacks.story(name, "After") == []


def test_wait_condition_times_out(stacks: Stacks) -> None:
    began = time.monotonic()
    name = stacks.create(text("wait_condition.json"), parameters={"Seconds": "1"})
    assert time.monotonic() - began >= 1
    assert "WaitCondition timed out. Received 0 conditions when expecting 1" in stacks.reasons(name)


def test_signals_that_are_none(stacks: Stacks, endpoint: Any) -> None:
    for opaque in ("nothing", ""):
        url = f"{endpoint}/_local/cloudformation/signal/{opaque}"
        assert put(url, '{"Status": "SUCCESS", "UniqueId": "1"}') == 404
    name = stacks.create(text("wait_condition.json"), wait=False)
    assert put(handle_of(stacks, name), '{"Status": "MAYBE"}') == 400
    while len(stacks.story(name, "Wait")) < 2:
        time.sleep(0.02)
    stacks.api.delete_stack(StackName=name)
    assert stacks.settled(stacks.made[-1]) == "DELETE_COMPLETE"
    assert "Wait CREATE_FAILED: Resource creation cancelled" in stacks.reasons(stacks.made[-1])


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({}, {"Nested": "${kept} y NAME", "Size": "small"}),
        ({"Stage": "prod"}, {"Nested": "${kept} y NAME", "Size": "large"}),
        ({"Stage": "prod", "Count": "2"}, {"Nested": "both ONLY", "Size": "large", "Only": "a-b-c"}),
    ],
)
def test_nested_conditions(stacks: Stacks, parameters: Any, wanted: Any) -> None:
    name = stacks.create(text("nested_conditions.yaml"), parameters=parameters)
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    found = stacks.outputs(name)
    assert found.pop("Suffix") == "amazonaws.com"
    only = stacks.physical(name, "OnlyBoth") if "Only" in wanted else ""
    assert found == {k: v.replace("NAME", name).replace("ONLY", only) for k, v in wanted.items()}
    shown = {p["ParameterKey"]: p["ParameterValue"] for p in stacks.describe(name)["Parameters"]}
    assert shown["Secret"] == "****"


def test_exports_and_imports(stacks: Stacks) -> None:
    network = stacks.create(text("exports.yaml"))
    other = stacks.create(text("imports.yaml"), parameters={"Network": network})
    assert stacks.status(other) == "CREATE_COMPLETE", stacks.reasons(other)
    alarm = stacks.client("cloudwatch").describe_alarms(AlarmNames=[stacks.physical(other, "Alarm")])
    assert alarm["MetricAlarms"][0]["AlarmActions"] == [stacks.outputs(network)["Topic"]]
    assert stacks.api.list_imports(ExportName=f"{network}-Topic")["Imports"] == [other]
    exports = {e["Name"]: e["Value"] for e in stacks.api.list_exports()["Exports"]}
    assert exports[f"{network}-Topic"] == stacks.outputs(network)["Topic"]
    assert stacks.delete(network) == "DELETE_FAILED"
    assert f"Cannot delete export {network}-Topic as it is in use by {other}" in stacks.reasons(network)
    deleted(stacks, other)
    deleted(stacks, network)


def test_an_import_of_nothing_fails(stacks: Stacks) -> None:
    name = stacks.create(text("imports.yaml"), parameters={"Network": "no"})
    assert stacks.status(name) == "ROLLBACK_COMPLETE"
    assert "No export named no-Topic found." in stacks.reasons(name)


def test_two_stacks_cannot_export_one_name(stacks: Stacks) -> None:
    template = (
        '{"Resources": {"H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},'
        ' "Outputs": {"A": {"Value": "1", "Export": {"Name": "the-one"}}}}'
    )
    first, second = stacks.create(template), stacks.create(template)
    assert stacks.status(second) == "ROLLBACK_COMPLETE"
    assert f"Export with name the-one is already exported by stack {first}" in stacks.reasons(second)


def test_scheduled_function(stacks: Stacks) -> None:
    name = stacks.create(text("scheduled_function.yaml"), Capabilities=["CAPABILITY_IAM"])
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    outputs = stacks.outputs(name)
    configuration = stacks.client("lambda").get_function(FunctionName=outputs["Function"])["Configuration"]
    assert configuration["Timeout"] == 30
    targets = stacks.client("events").list_targets_by_rule(Rule=outputs["Rule"])["Targets"]
    assert targets[0]["Arn"] == configuration["FunctionArn"]
    changed = text("scheduled_function.yaml").replace("'30'", "60").replace('"ok"', '"better"')
    assert stacks.update(name, changed, Capabilities=["CAPABILITY_IAM"]) == "UPDATE_COMPLETE"
    after = stacks.client("lambda").get_function(FunctionName=outputs["Function"])["Configuration"]
    assert after["Timeout"] == 60
    assert after["CodeSha256"] != configuration["CodeSha256"]
    deleted(stacks, name)


def test_interface_address_and_flow_log(stacks: Stacks) -> None:
    image = stacks.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    name = stacks.create(
        text("bastion_interface.json"), parameters={"Ami": image}, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    ec2, outputs = stacks.client("ec2"), stacks.outputs(name)
    address = ec2.describe_addresses(PublicIps=[outputs["Address"]])["Addresses"][0]
    assert address["NetworkInterfaceId"] == outputs["Interface"]
    logs = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [stacks.physical(name, "Vpc")]}])
    assert logs["FlowLogs"][0]["TrafficType"] == "REJECT"
    deleted(stacks, name)


def test_many_at_once(stacks: Stacks) -> None:
    names = []
    threads = [
        threading.Thread(target=lambda: names.append(stacks.create(text("nested_conditions.yaml"))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [stacks.status(name) for name in names] == ["CREATE_COMPLETE"] * 4
