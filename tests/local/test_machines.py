"""Machines that really run: the parts of the embedded AWS together."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.local.conftest import start_server, wait_until

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

pytestmark = pytest.mark.local

USER_DATA = """#!/bin/sh
token=$(curl -s -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" http://169.254.169.254/latest/api/token)
get() { curl -s -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"; }
keys=$(get iam/security-credentials/worker | tr -d '\\n ')
echo "id=$(get instance-id) type=$(get instance-type) key=$keys"
"""


@pytest.fixture(scope="module")
def ec2(local_aws: Any) -> Any:
    if local_aws.call("GET", "/_local/status")["isolation"] != "namespaces":
        pytest.skip("raw user data is refused without namespaces")
    return local_aws.client("ec2")


def launch(local_aws: Any, **more: Any) -> str:
    image = local_aws.client("ssm").get_parameter(Name=AL2023)["Parameter"]["Value"]
    arguments = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    found: str = local_aws.client("ec2").run_instances(**(arguments | more))["Instances"][0]["InstanceId"]
    return found


def state(ec2: Any, instance: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found


def become(ec2: Any, instance: str, wanted: str) -> dict[str, Any]:
    wait_until(lambda: state(ec2, instance)["State"]["Name"] == wanted, 30)
    return state(ec2, instance)


def console(ec2: Any, instance: str) -> str:
    return str(ec2.get_console_output(InstanceId=instance)["Output"])


def test_a_machine_knows_itself_and_has_its_roles_keys(local_aws: Any, ec2: Any) -> None:
    iam = local_aws.client("iam")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="worker")
    iam.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker")
    found = launch(local_aws, UserData=USER_DATA, IamInstanceProfile={"Name": "worker"})
    become(ec2, found, "running")
    text = wait_until(lambda: (t := console(ec2, found)) and "id=" in t and t, 20)
    assert f"id={found} type=t3.micro" in text
    key = text.split('"AccessKeyId":"')[1].split('"')[0]
    arn = local_aws.client("sts", key).get_caller_identity()["Arn"]
    assert arn.endswith(f"assumed-role/worker/{found}")
    ec2.terminate_instances(InstanceIds=[found])
    become(ec2, found, "terminated")


def test_a_session_is_granted_to_its_caller(local_aws: Any, ec2: Any) -> None:
    ssm = local_aws.client("ssm", "AKIALOCALBEN00000000")
    found = launch(local_aws)
    wait_until(lambda: ssm.get_connection_status(Target=found)["Status"] == "connected", 30)
    grant = ssm.start_session(Target=found)
    assert grant["SessionId"].startswith("ben-")
    assert grant["StreamUrl"].startswith("ws://127.0.0.1:")
    listed = ssm.describe_sessions(State="Active")["Sessions"]
    assert [s["Target"] for s in listed] == [found]
    assert listed[0]["Owner"].endswith(":user/ben")
    ec2.terminate_instances(InstanceIds=[found])
    wait_until(lambda: not ssm.describe_sessions(State="Active")["Sessions"])


def test_a_volume_comes_while_the_machine_runs_and_keeps_its_content(local_aws: Any, ec2: Any) -> None:
    script = """#!/bin/sh
while ! [ -d /volumes/vol-* ]; do sleep 0.1; done
echo kept > "$(echo /volumes/vol-*)/file"; echo written
"""
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    found = launch(local_aws, UserData=script, Placement={"AvailabilityZone": "us-east-1a"})
    become(ec2, found, "running")
    ec2.attach_volume(VolumeId=volume, InstanceId=found, Device="/dev/sdf")
    wait_until(lambda: "written" in console(ec2, found), 20)
    ec2.terminate_instances(InstanceIds=[found])
    become(ec2, found, "terminated")
    assert (local_aws.state / "volumes" / volume / "file").read_text() == "kept\n"


@pytest.mark.parametrize(("behaviour", "end"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_machine_that_switches_itself_off(local_aws: Any, ec2: Any, behaviour: str, end: str) -> None:
    found = launch(
        local_aws, UserData="#!/bin/sh\nsleep 1\npoweroff\n", InstanceInitiatedShutdownBehavior=behaviour
    )
    machine = become(ec2, found, end)
    assert machine["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    if end == "stopped":
        ec2.start_instances(InstanceIds=[found])
        become(ec2, found, "running")
        time.sleep(1.5)
        assert state(ec2, found)["State"]["Name"] == "running"  # user data ran once only
        ec2.terminate_instances(InstanceIds=[found])


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_machine_outlives_its_server(tmp_path: Path, ec2: Any, end: signal.Signals) -> None:
    del ec2  # it skips where there are no namespaces
    server = start_server(tmp_path)
    try:
        found = launch(server)
        become(server.client("ec2"), found, "running")
        pid = int((tmp_path / "instances" / found / "launcher.pid").read_text())
        assert running(pid)
        os.kill(server.process.pid, end)
        server.process.wait(30)
        if end == signal.SIGKILL:
            server.close()
            server = start_server(tmp_path)
            assert not (tmp_path / "instances" / found).exists()
        wait_until(lambda: not running(pid))
    finally:
        server.close()
