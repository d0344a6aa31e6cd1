"""One synthesis for all tests of this folder."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

import pytest

import ds_ec2_cdk.synth
from ds_ec2_cdk.lookup import Found

# cfn-lint judges in these tests; jsii reads this when it starts Node.
os.environ["CDK_VALIDATION"] = "false"

KNOWN = Found(
    "m7i-flex.xlarge",
    image="ami-0123456789abcdef0",
    root_device="/dev/xvda",
    root_gib=24,
    zone="us-east-1a",
    way_out_image="ami-0fedcba9876543210",
)


class AllInOne(Protocol):
    """Synthesises the stack of `cdk deploy` and returns its text as it is sent."""

    def __call__(self, found: Found = KNOWN, *, shared: bool = False, keep_data: bool = False) -> str: ...


@pytest.fixture(scope="session")
def all_in_one() -> AllInOne:
    import aws_cdk as cdk

    from ds_ec2_cdk.all_in_one import DsEc2Stack, Order

    def synthesise(found: Found = KNOWN, *, shared: bool = False, keep_data: bool = False) -> str:
        order = Order("cdk", "ana", "numpy\n", keep_data=keep_data)
        with tempfile.TemporaryDirectory() as folder:
            app = cdk.App(outdir=folder, analytics_reporting=False, tree_metadata=False)
            DsEc2Stack(app, "DsEc2Stack", order=order, found=found, shared=shared)
            app.synth()
            return Path(folder, "DsEc2Stack.template.json").read_text()

    return synthesise


@pytest.fixture(scope="session")
def known() -> Found:
    return KNOWN


@pytest.fixture(scope="session")
def texts(all_in_one: AllInOne) -> dict[str, str]:
    return ds_ec2_cdk.synth.synthesise() | {"all-in-one": all_in_one()}


@pytest.fixture(params=["network", "data", "machine", "all-in-one"])
def template(request: pytest.FixtureRequest, texts: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(texts[request.param]))


@pytest.fixture(params=["machine", "all-in-one"])
def machine_template(request: pytest.FixtureRequest, texts: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(texts[request.param]))


@pytest.fixture(params=["network", "all-in-one"])
def network_template(request: pytest.FixtureRequest, texts: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(texts[request.param]))
