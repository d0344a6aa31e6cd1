"""The seed's stack with the CDK command line: deploy, diff, deploy again, destroy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

ROOT = Path(__file__).parents[3]
CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
SEED = Path(__file__).parent / "templates" / "seed_stack.json"
STACK = "DsEc2Stack"


def node() -> Any:
    beside = Path(sys.executable).with_name("node")
    return str(beside) if beside.exists() else shutil.which("node")


@pytest.fixture
def cdk(endpoint: Any, tmp_path: Any) -> Any:
    if not CDK.exists() or not node():
        pytest.skip("npm ci has not been run")
    assembly = tmp_path / "cdk.out"
    assembly.mkdir()
    (assembly / "manifest.json").write_text(
        json.dumps(
            {
                "version": "48.0.0",
                "artifacts": {
                    STACK: {
                        "type": "aws:cloudformation:stack",
                        "environment": "aws://123456789012/us-east-1",
                        "properties": {"templateFile": "template.json", "validateOnSynth": False},
                    }
                },
            }
        )
    )
    template = assembly / "template.json"

    def run(*words: Any, change: Any = lambda _resources: None) -> Any:
        document = json.loads(SEED.read_text())
        change(document["Resources"])
        template.write_text(json.dumps(document))
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "HOME": str(tmp_path),
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            [node(), str(CDK), *words, "--app", str(assembly)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def resize(resources: Any) -> None:
    [instance] = [r for r in resources.values() if r["Type"] == "AWS::EC2::Instance"]
    instance["Properties"]["InstanceType"] = "c5.xlarge"


@pytest.mark.cdk
@pytest.mark.slow
def test_deploy_diff_destroy(cdk: Any, stacks: Stacks) -> None:
    assert "✅" in cdk("deploy", "--require-approval", "never")
    assert stacks.status(STACK) == "CREATE_COMPLETE"
    stack_id = stacks.describe(STACK)["StackId"]
    stacks.made.append(stack_id)
    resources = stacks.api.describe_stack_resources(StackName=STACK)["StackResources"]
    kinds = [r["ResourceType"] for r in resources]
    assert kinds.count("AWS::EC2::NatGateway") == 2
    [instance] = [r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::EC2::Instance"]
    difference = cdk("diff", change=resize)
    assert "may be replaced" in difference
    assert "c5.xlarge" in difference
    assert "✅" in cdk("deploy", "--require-approval", "never", change=resize)
    ec2 = stacks.client("ec2")
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert found["InstanceType"] == "c5.xlarge"
    cdk("destroy", "--force")
    assert stacks.status(stack_id) == "DELETE_COMPLETE"
