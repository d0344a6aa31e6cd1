"""The CDK app of a checkout: what `app.py` runs."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING

import aws_cdk as cdk

from ds_ec2.config.settings import load_settings
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.names import check_name, owner_slug
from ds_ec2.operations.packages import read_packages
from ds_ec2_cdk.all_in_one import DsEc2Stack, Order
from ds_ec2_cdk.lookup import Wish, look_up

if TYPE_CHECKING:
    from pathlib import Path

STACK = "DsEc2Stack"


def main(checkout: Path) -> None:
    """Synthesise the stack; end with the reason where a wish cannot be right.

    Context: `-c name=...` for another machine beside the first, `-c owner=...`, `-c vpc=shared` for the
    region's shared network, `-c data=snapshot` to leave a snapshot of the data when the stack goes.

    Args:
        checkout: The folder of requirements.txt and cdk.context.json.
    """
    app = cdk.App()
    try:
        add_stack(app, checkout)
    except DsEc2Error as error:
        sys.exit("\n".join(filter(None, (f"ds-ec2: {error}", error.why, error.hint))))
    app.synth()


def add_stack(app: cdk.App, checkout: Path) -> DsEc2Stack:
    """Add the stack that context and environment describe.

    Raises:
        UsageError: A value cannot be right.
        NotFoundError: Type, image or shared network do not exist.
    """
    name = app.node.try_get_context("name")
    owner = app.node.try_get_context("owner") or load_settings().owner or getpass.getuser()
    shared = app.node.try_get_context("vpc") == "shared"
    order = Order(
        name=check_name(name or "cdk"),
        owner=owner_slug(str(owner)),
        packages=read_packages(checkout / "requirements.txt"),
        keep_data=app.node.try_get_context("data") == "snapshot",
    )
    found = look_up(Wish.of(os.environ, shared=shared), checkout / "cdk.context.json")
    stack = DsEc2Stack(app, f"{STACK}-{name}" if name else STACK, order=order, found=found, shared=shared)
    if found.problem:
        cdk.Annotations.of(stack).add_warning_v2(
            "ds-ec2:lookup",
            f"nothing was looked up: {found.problem}. Until it can be, name what is missing, as in"
            " --parameters ImageId=ami-... (cdk deploy lists the rest)",
        )
    return stack
