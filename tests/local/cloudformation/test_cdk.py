"""Stacks with the CDK command line: the article's, and one that is too large to be sent without a bucket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cdk_cli import ENVIRONMENT, CdkCli

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

pytestmark = [pytest.mark.cdk, pytest.mark.slow]

SEED = Path(__file__).parent / "templates" / "seed_stack.json"
STACK = "DsEc2Stack"


def write_assembly(folder: Path, template: dict[str, Any]) -> None:
    """Write what a synthesis leaves, for `--app`."""
    properties = {"templateFile": "template.json", "validateOnSynth": False}
    stack = {"type": "aws:cloudformation:stack", "environment": ENVIRONMENT, "properties": properties}
    folder.mkdir(exist_ok=True)
    manifest = {"version": "48.0.0", "artifacts": {STACK: stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "template.json").write_text(json.dumps(template))


def test_deploy_diff_destroy(endpoint: str, tmp_path: Path, stacks: Stacks) -> None:
    cdk = CdkCli(tmp_path, endpoint)
    seed = json.loads(SEED.read_text())
    write_assembly(tmp_path / "app", seed)
    assert "✅" in cdk("deploy", "--app", "app", "--require-approval", "never")
    assert stacks.status(STACK) == "CREATE_COMPLETE"
    stack_id = stacks.describe(STACK)["StackId"]
    stacks.made.append(stack_id)
    resources = stacks.api.describe_stack_resources(StackName=STACK)["StackResources"]
    kinds = [r["ResourceType"] for r in resources]
    assert kinds.count("AWS::EC2::NatGateway") == 2
    [instance] = [r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::EC2::Instance"]

    [machine] = [r for r in seed["Resources"].values() if r["Type"] == "AWS::EC2::Instance"]
    machine["Properties"]["InstanceType"] = "c5.xlarge"
    write_assembly(tmp_path / "app", seed)
    difference = cdk("diff", "--app", "app")
    assert "may be replaced" in difference
    assert "c5.xlarge" in difference
    assert "✅" in cdk("deploy", "--app", "app", "--require-approval", "never")
    ec2 = stacks.client("ec2")
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert found["InstanceType"] == "c5.xlarge"
    cdk("destroy", "--force", "--app", "app")
    assert stacks.status(stack_id) == "DELETE_COMPLETE"
