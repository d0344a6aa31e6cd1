"""The function as it stands in the template, run as Lambda runs it, against moto's EC2 over HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ds_ec2_cdk.embed import follower_code

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def call(folder: Path, environment: dict[str, str], kind: str) -> str:
    (folder / "index.py").write_text(follower_code())
    script = f"import index; index.handler({{'detail-type': {kind!r}}}, None)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout.strip()


def test_the_way_out_follows_a_machine_and_the_default_group_is_closed(tmp_path: Path, endpoint: str) -> None:
    session = boto3.Session("id", "secret", region_name="us-east-1")
    ec2: Any = session.client("ec2", endpoint_url=endpoint)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/26")["Subnet"]["SubnetId"]
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]

    def launch(part: str) -> str:
        image = ec2.describe_images()["Images"][0]["ImageId"]
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "ds-ec2:part", "Value": part}]}]
        made = ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=tags
        )
        return str(made["Instances"][0]["InstanceId"])

    way_out = launch("network")
    ec2.stop_instances(InstanceIds=[way_out])
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "VPC": vpc,
        "WAY_OUT": way_out,
        "DEFAULT_GROUP": group["GroupId"],
    }
    event, sweep = "EC2 Instance State-change Notification", "Scheduled Event"
    assert call(tmp_path, environment, sweep) == "not needed, stopped; default group closed"
    closed = ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"][0]
    assert closed["IpPermissions"] == closed["IpPermissionsEgress"] == []
    machine = launch("machine")
    assert call(tmp_path, environment, event) == "started"
    assert call(tmp_path, environment, sweep) == "needed, running"

    def account(instance: str) -> list[str]:
        found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
        return [tag["Value"] for tag in found if tag["Key"] == "ds-ec2:spent"]

    (under_way,) = account(machine)
    assert re.fullmatch(r"from=(\d+) m1\.small:\1-0", under_way)
    ec2.stop_instances(InstanceIds=[machine])
    call(tmp_path, environment, sweep)
    (over,) = account(machine)
    start, end = map(int, re.fullmatch(r"from=\d+ m1\.small:(\d+)-(\d+)", over).groups())  # type: ignore[union-attr] # it matches, or fails
    assert start < end < start + 60
    assert account(way_out)
