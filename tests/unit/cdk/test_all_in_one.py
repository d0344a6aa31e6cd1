"""The stack of `cdk deploy`: what is a parameter, what stands in it, and the app around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ds_ec2_cdk.app import main
from ds_ec2_cdk.lookup import Found

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.cdk

ROOT = Path(__file__).parents[3]


def resource(template: dict[str, Any], kind: str, mark: str = "") -> dict[str, Any]:
    (found,) = (
        one
        for one in template["Resources"].values()
        if one["Type"] == kind and mark in {"", *one.get("Properties", {})}
    )
    return dict(found)


def machine(template: dict[str, Any]) -> dict[str, Any]:
    return dict(resource(template, "AWS::EC2::Instance", "IamInstanceProfile")["Properties"])


def test_what_is_known_is_a_parameters_default(all_in_one: Callable[..., str], known: Found) -> None:
    template = json.loads(all_in_one())
    defaults = {key: one.get("Default") for key, one in template["Parameters"].items()}
    assert defaults["InstanceType"] == known.instance_type
    assert defaults["ImageId"] == known.image
    assert defaults["RootVolumeGiB"] == "24"
    assert defaults["AvailabilityZone"] == "us-east-1a"
    assert machine(template)["InstanceType"] == {"Ref": "InstanceType"}
    assert set(template["Outputs"]) == {"InstanceId", "StatusParameter", "DataVolumeId"}


def test_what_is_not_known_is_a_parameter_without_default(all_in_one: Callable[..., str]) -> None:
    parameters = json.loads(all_in_one(Found("m7i-flex.xlarge")))["Parameters"]
    left = {key for key, one in parameters.items() if "Default" not in one}
    assert left == {"ImageId", "RootVolumeGiB", "AvailabilityZone", "WayOutImageId"}


def test_what_the_environment_names_stands_in_the_template(
    all_in_one: Callable[..., str], known: Found
) -> None:
    """The CDK command line would go on with the parameter's earlier value."""
    template = json.loads(all_in_one(replace(known, instance_type="g5.xlarge", fixed=True)))
    assert machine(template)["InstanceType"] == "g5.xlarge"
    assert machine(template)["ImageId"] == known.image
    assert machine(template)["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 24
    assert "InstanceType" not in template["Parameters"]


def test_on_the_shared_network_no_network_is_made(all_in_one: Callable[..., str], known: Found) -> None:
    network = {
        "SubnetIds": "subnet-a,subnet-b",
        "Zones": "us-east-1b,us-east-1a",
        "SecurityGroupId": "sg-1",
        "TransitBucket": "transit",
    }
    template = json.loads(all_in_one(replace(known, network=network), shared=True))
    kinds = {one["Type"] for one in template["Resources"].values()}
    assert not {"AWS::EC2::VPC", "AWS::S3::Bucket", "AWS::Lambda::Function"} & kinds
    defaults = {key: one.get("Default") for key, one in template["Parameters"].items()}
    assert defaults["SubnetId"] == "subnet-b"
    assert defaults["SecurityGroupId"] == "sg-1"
    assert defaults["TransitBucket"] == "transit"


@pytest.mark.parametrize(("keep", "policy"), [(False, "Delete"), (True, "Snapshot")])
def test_data_go_with_the_stack_unless_a_snapshot_is_wanted(
    all_in_one: Callable[..., str],
    keep: bool,  # noqa: FBT001 - parametrized
    policy: str,
) -> None:
    volume = resource(json.loads(all_in_one(keep_data=keep)), "AWS::EC2::Volume")
    assert volume["DeletionPolicy"] == policy


def run_app(tmp_path: Path, context: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run app.py as the CDK command line does, for somebody without credentials."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DS_EC2_", "CDK_"))
    }
    nobody = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_OUTDIR": str(tmp_path / "out"),
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_VALIDATION": "false",
    }
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=kept | nobody | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_app_synthesises_without_credentials(tmp_path: Path) -> None:
    run = run_app(tmp_path, {"owner": "Ana.Maria@example.com"}, CDK_DEFAULT_REGION="us-east-1")
    assert run.returncode == 0, run.stderr
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    stack = manifest["artifacts"]["DsEc2Stack"]
    assert stack["properties"]["tags"] == {
        "ds-ec2:managed-by": "cdk",
        "ds-ec2:part": "all-in-one",
        "ds-ec2:owner": "anamaria",
        "ds-ec2:name": "cdk",
    }
    assert "cdk-hnb659fds" not in json.dumps(manifest)  # no bootstrap
    metadata = (tmp_path / "out/DsEc2Stack.metadata.json").read_text()
    assert "nothing was looked up: no AWS credentials" in metadata
    template = json.loads((tmp_path / "out/DsEc2Stack.template.json").read_text())
    packages = [
        one["Properties"]["Value"] for key, one in template["Resources"].items() if "PackagesParameter" in key
    ]
    assert packages == [(ROOT / "requirements.txt").read_text()]
    assert packages[0].splitlines()[0] == "torch"


def test_the_app_says_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"ds-ec2: .*requirements.txt does not exist\n"):
        main(tmp_path)
