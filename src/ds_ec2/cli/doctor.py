"""`ds-ec2 doctor`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import json_option, target_options
from ds_ec2.cli.wishes import wish_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target
    from ds_ec2.model.wishes import Wish

EXAMPLE = """\b
Example:
  ds-ec2 doctor                             the machine that `up` makes by itself
  ds-ec2 doctor --gpu 24GB..                the one that it would choose for this
  ds-ec2 doctor --instance-type p5.4xlarge --all-regions
The exit status is 1 where a check failed.
"""


@click.command("doctor", epilog=EXAMPLE)
@wish_options
@click.option("--instance-type", metavar="TYPE", help="The very type.  [default: that of `up`]")
@click.option("--image", metavar="AMI", help="Machine image.  [default: the newest that fits the type]")
@click.option("--all-regions", is_flag=True, help="Every region that is on for the account.")
@json_option
@target_options
def command(
    target: Target,
    wish: Wish | None,
    instance_type: str | None,
    image: str | None,
    *,
    all_regions: bool,
    as_json: bool,
) -> None:
    """Check what would stop `up`: credentials, permissions, quotas, zones, network, image. Makes nothing."""
    from ds_ec2.config.settings import load_settings
    from ds_ec2.console import health, output
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.doctor import examine, examine_regions

    if wish is not None and instance_type:
        wish = replace(wish, types=(instance_type,))
    settings = load_settings()
    kind = instance_type or settings.instance_type
    request = UpRequest(instance_type=kind, image=image, wish=wish, packages=settings.requirements)
    account = connect(target)
    found = examine_regions(account, request) if all_regions else (examine(account, request),)
    text = "\n\n".join(health.health_table(one) for one in found)
    output.show(found, text, as_json=as_json)
    if not all(one.ok for one in found):
        sys.exit(1)
