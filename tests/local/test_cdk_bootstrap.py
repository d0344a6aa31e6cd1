"""`cdk bootstrap`, and the road of a template over 51,200 bytes through its bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.cdk_cli import ENVIRONMENT, CdkCli
from tests.local.cloudformation.test_cdk import STACK, write_assembly

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cdk, pytest.mark.local, pytest.mark.slow]


def large(value: str) -> dict[str, Any]:
    """A template of 60 KB."""
    texts = [value, *(["x" * 4000] * 15)]
    return {
        "Resources": {
            f"P{index}": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": text}}
            for index, text in enumerate(texts)
        }
    }


def test_a_template_over_the_limit_goes_through_the_bootstrapped_bucket(
    local_records: Any, tmp_path: Path
) -> None:
    cdk = CdkCli(tmp_path, local_records.endpoint_url)
    stacks, ssm = local_records.client("cloudformation"), local_records.client("ssm")
    write_assembly(tmp_path / "app", large("first"))
    deploy = ("deploy", "--app", "app", "--require-approval", "never")
    assert f"cdk bootstrap {ENVIRONMENT}" in cdk(*deploy, ok=False)

    assert "bootstrapped." in cdk("bootstrap", ENVIRONMENT)
    assert "(no changes)" in cdk("bootstrap", ENVIRONMENT)
    [toolkit] = stacks.describe_stacks(StackName="CDKToolkit")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in toolkit["Outputs"]}
    assert outputs["BucketName"] == "cdk-hnb659fds-assets-123456789012-us-east-1"
    version = ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")["Parameter"]["Value"]
    assert version == outputs["BootstrapVersion"]

    assert "✅" in cdk(*deploy)
    assert "There were no differences" in cdk("diff", "--app", "app")
    write_assembly(tmp_path / "app", large("second"))
    assert "[-] first" in cdk("diff", "--app", "app")
    assert "✅" in cdk(*deploy)
    name = stacks.describe_stack_resource(StackName=STACK, LogicalResourceId="P0")["StackResourceDetail"]
    assert ssm.get_parameter(Name=name["PhysicalResourceId"])["Parameter"]["Value"] == "second"
    stored = local_records.client("s3").list_objects_v2(Bucket=outputs["BucketName"])["Contents"]
    assert [one["Size"] > 51_200 for one in stored] == [True, True]
    cdk("destroy", "--force", "--app", "app")


def test_a_key_of_ones_own_for_the_bucket(local_records: Any, tmp_path: Path) -> None:
    cdk = CdkCli(tmp_path, local_records.endpoint_url)
    own = ("--qualifier", "own", "--toolkit-stack-name", "OwnToolkit", "--bootstrap-customer-key")
    assert "bootstrapped." in cdk("bootstrap", ENVIRONMENT, *own)
    kms, s3 = local_records.client("kms"), local_records.client("s3")
    aliases = {one["AliasName"]: one["TargetKeyId"] for one in kms.list_aliases()["Aliases"]}
    rules = s3.get_bucket_encryption(Bucket="cdk-own-assets-123456789012-us-east-1")
    [rule] = rules["ServerSideEncryptionConfiguration"]["Rules"]
    key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert key.endswith(f"key/{aliases['alias/cdk-own-assets-key']}")
