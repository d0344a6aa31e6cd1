"""`ds-ec2 catalog show|refresh`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import json_option, target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target


@click.group("catalog", epilog="\b\nExample:\n  ds-ec2 catalog show\n  ds-ec2 catalog refresh")
def command() -> None:
    """Show or renew what ds-ec2 knows of instance types, where they are sold, and prices."""


@command.command("show", epilog="\b\nExample:\n  ds-ec2 catalog show --region eu-central-1")
@json_option
@target_options
def catalog_show(target: Target, *, as_json: bool) -> None:
    """Show the age, the source and the numbers of a region's catalogue. Asks nobody."""
    from ds_ec2.console import catalogue, output
    from ds_ec2.operations.refresh import show
    from ds_ec2.operations.region import region_without_account

    facts = show(region_without_account(target), local=target.local)
    output.show(facts, catalogue.catalogue_facts(facts), as_json=as_json)


@command.command("refresh", epilog="\b\nExample:\n  ds-ec2 catalog refresh --region eu-central-1")
@click.option("--all-regions", is_flag=True, help="Every region that is on for the account.")
@json_option
@target_options
def catalog_refresh(target: Target, *, all_regions: bool, as_json: bool) -> None:
    """Read types, zones, prices and spot prices from the account, and keep them for this user."""
    from ds_ec2.console import catalogue, output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.refresh import refresh

    found = show_steps(refresh(connect(target), every_region=all_regions))
    text = "\n".join(catalogue.catalogue_facts(one) for one in found)
    output.show(found, text, as_json=as_json)
