"""`ds-ec2 ls`."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import json_option, target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 ls
  ds-ec2 ls --json | jq '.[].instance_id'
In a pipe only the names are printed.
"""


@click.command("ls", epilog=EXAMPLE)
@json_option
@target_options
def command(target: Target, *, as_json: bool) -> None:
    """List the machines of this account and region, and what they cost.

    SPENT is an estimate: instance and disks, at today's prices. AWS's bill has the last word.
    """
    from ds_ec2.console import machines, output
    from ds_ec2.console.spending import totals
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.listing import list_all

    listing = list_all(connect(target))
    found = listing.machines
    if as_json:
        output.emit_json(found)
    elif not sys.stdout.isatty():
        output.emit("\n".join(machine.name for machine in found))
    elif found:
        output.emit(machines.machine_table(found, width=get_terminal_size().columns))
    if not found and not as_json:
        output.say(f"No machines. Make one: ds-ec2 up{target.flags}")
    if sys.stdout.isatty() and not as_json:
        output.say(totals(listing))
