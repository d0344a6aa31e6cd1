"""`ds-ec2 offers`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from ds_ec2.cli.options import json_option, regions_options
from ds_ec2.cli.wishes import wish_options
from ds_ec2.model.wishes import Wish

if TYPE_CHECKING:
    from ds_ec2.model.offers import Offers, OffersRequest
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 offers --gpu 24GB..                the cheapest GPUs with 24 GB and more
  ds-ec2 offers --gpu A10G,L4:1 --max-price 1.5
  ds-ec2 offers --cpus 8+ --memory 32..64 --arch arm64
  ds-ec2 offers --gpu L4 --spot --scores    spot prices of now, and how likely they are had
  ds-ec2 offers --gpu H100 --region us-east-1 --region us-west-2
  ds-ec2 offers --gpu 24GB.. --offline      from the catalogue, without an account
In a pipe only the names of the types are printed.
"""
USUAL_LIMIT: Final = 10


@click.command("offers", epilog=EXAMPLE)
@wish_options
@click.option("--instance-type", metavar="TYPE", help="Only these types, with a comma between them.")
@click.option("--zone", metavar="ZONE", help="Only what this availability zone sells.")
@click.option(
    "--data-gib", type=click.IntRange(1, 16384), metavar="N", help="Data volume, for the price a day."
)
@click.option("--scores", is_flag=True, help="Ask for EC2's spot placement scores.")
@click.option("--offline", is_flag=True, help="Ask nobody: the catalogue's prices, no quotas.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help=f"Show so many.  [default: {USUAL_LIMIT}]"
)
@click.option("--all", "every", is_flag=True, help="Show all.")
@click.option("--all-regions", is_flag=True, help="Every region: those that are on for the account.")
@json_option
@regions_options
def command(
    target: Target,
    wish: Wish | None,
    *,
    regions: tuple[str, ...],
    offline: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what meets a wish, cheapest first: price an hour, price a day with disks and way out, quota."""
    from ds_ec2.config.settings import load_settings
    from ds_ec2.model.offers import OffersRequest

    settings = load_settings()
    types = tuple(name.strip() for name in (options["instance_type"] or "").split(",") if name.strip())
    request = OffersRequest(
        wish=replace(wish or Wish(), types=types, zone=options["zone"] or ""),
        data_gib=options["data_gib"] or settings.data_gib,
        way_out=settings.way_out,
        scores=options["scores"],
        limit=0 if options["every"] else options["limit"] or USUAL_LIMIT,
    )
    found = _find(target, request, regions, every=options["all_regions"], offline=offline)
    _show(found, as_json=as_json)


def _find(
    target: Target, request: OffersRequest, regions: tuple[str, ...], *, every: bool, offline: bool
) -> Offers:
    from ds_ec2.operations import everywhere
    from ds_ec2.operations.region import region_without_account

    named = everywhere.every_region() if every else regions or (region_without_account(target),)
    if offline:
        return everywhere.offline_in(named, request, local=target.local)
    from ds_ec2.aws.errors import CredentialsError
    from ds_ec2.operations.connect import connect

    try:
        account = connect(replace(target, region=named[0] if not every else target.region))
        return everywhere.online_in(account, account.ec2.regions() if every else named, request)
    except CredentialsError as error:
        found = everywhere.offline_in(named, request)
        return replace(found, notes=(f"{error.what}: {error.hint}", *found.notes))


def _show(shown: Offers, *, as_json: bool) -> None:
    from ds_ec2.console import offers, output

    if as_json:
        output.emit_json(shown)
    elif sys.stdout.isatty():
        output.emit(offers.offers_table(shown))
    else:
        output.emit(offers.names(shown))
        output.say(offers.origin(shown))
