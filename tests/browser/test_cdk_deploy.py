"""The article's way: `cdk deploy` of this checkout's app, JupyterLab in a browser, `cdk destroy`."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from tests.browser.jupyterlab import open_lab
from tests.cdk_cli import ENVIRONMENT, ROOT, CdkCli

from ds_ec2.model.names import TAG_PART

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page
    from tests.conftest import CommandLine

pytestmark = [
    pytest.mark.browser, pytest.mark.cdk, pytest.mark.local, pytest.mark.slow, pytest.mark.timeout(600),
]  # fmt: skip

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
"""Not what would be looked up for the type."""
READY_S = 120.0


class Account:
    """What the embedded AWS holds."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        keys = {"aws_access_key_id": "AKIALOCALANA00000000", "aws_secret_access_key": "any"}
        return make(service, endpoint_url=self.endpoint_url, region_name="us-east-1", **keys)

    def wait_for_packages(self) -> None:
        """Wait until the machine says that its packages are there."""
        [stack] = self.client("cloudformation").describe_stacks(StackName="DsEc2Stack")["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        ssm, deadline = self.client("ssm"), time.monotonic() + READY_S
        while time.monotonic() < deadline:
            status = json.loads(ssm.get_parameter(Name=outputs["StatusParameter"])["Parameter"]["Value"])
            stages = {stage["name"]: stage for stage in status.get("stages", ())}
            if stages.get("ready", {}).get("state") == "done":
                return
            assert not [one for one in stages.values() if one["state"] == "failed"], stages
            time.sleep(0.5)
        pytest.fail(f"not ready after {READY_S} s")

    def left(self) -> set[str]:
        """Return what still is there of the stack."""
        ec2, of_stack = self.client("ec2"), {"Name": f"tag:{TAG_PART}", "Values": ["all-in-one"]}
        living = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
        reservations = ec2.describe_instances(Filters=[of_stack, living])["Reservations"]
        parameters = self.client("ssm").describe_parameters(
            ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": ["/ds-ec2/"]}]
        )["Parameters"]
        roles = self.client("iam").list_roles()["Roles"]
        buckets = self.client("s3").list_buckets()["Buckets"]
        return {
            *(one["InstanceId"] for reservation in reservations for one in reservation["Instances"]),
            *(one["VolumeId"] for one in ec2.describe_volumes(Filters=[of_stack])["Volumes"]),
            *(one["VpcId"] for one in ec2.describe_vpcs(Filters=[of_stack])["Vpcs"]),
            *(one["Name"] for one in parameters),
            *(one["RoleName"] for one in roles if one["RoleName"].startswith("DsEc2Stack")),
            *(one["Name"] for one in buckets if one["Name"].startswith("dsec2stack")),
        }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The app as it is here, with a short list of packages."""
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "requirements.txt").write_text("numpy\n")
    return tmp_path


def test_from_cdk_deploy_to_jupyterlab_and_back(
    ds_ec2: CommandLine, checkout: Path, page: Page, artefacts: Path
) -> None:
    if not ds_ec2.flags:
        pytest.skip("on the embedded AWS alone")
    account = Account(json.loads(ds_ec2("local", "start", "--json").stdout)["endpoint_url"])
    image = account.client("ssm").get_parameter(Name=UBUNTU)["Parameter"]["Value"]
    cdk = CdkCli(checkout, account.endpoint_url, ds_ec2.environment)
    # cfn-lint judges the templates elsewhere; the synthesis' own checks take as long as all the rest.
    wanted = {"INSTANCE_TYPE": "m7i.large", "AWS_AMI": image, "CDK_VALIDATION": "false"}

    assert "bootstrapped" in cdk("bootstrap", ENVIRONMENT, **wanted)
    idle = ("--parameters", "IdleMinutes=45")
    assert "✅" in cdk("deploy", "--require-approval", "never", *idle, **wanted)
    assert "There were no differences" in cdk("diff", *idle, **wanted)

    [machine] = json.loads(ds_ec2("ls", "--json").stdout)
    assert (machine["name"], machine["managed_by"], machine["status"]) == ("cdk", "cdk", "running")
    assert (machine["instance_type"], machine["idle_minutes"]) == ("m7i.large", 45)
    found = account.client("ec2").describe_instances(InstanceIds=[machine["instance_id"]])
    assert found["Reservations"][0]["Instances"][0]["ImageId"] == image

    account.wait_for_packages()
    seed = time.time_ns() % 1000
    with open_lab(ds_ec2, "cdk") as lab:
        code = f"import numpy as np\nprint(f'sum={{int((np.arange({seed}, {seed} + 10) ** 2).sum())}}')"
        printed = lab.run_cell(page, "sum.ipynb", code)
        page.screenshot(path=artefacts / "cdk-notebook.png")
        assert printed.strip() == f"sum={sum(n * n for n in range(seed, seed + 10))}"

    assert machine["instance_id"] in account.left()
    cdk("destroy", "--force", "--app", "cdk.out")
    assert json.loads(ds_ec2("ls", "--json").stdout) == []
    assert account.left() == set()
