"""`ds-ec2 ls`."""

from __future__ import annotations

import sys
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
    """List the machines of this account and region."""
    from ds_ec2.console import machines, output
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.listing import list_with_words

    found = list_with_words(connect(target))
    if as_json:
        output.emit_json(found)
    elif not sys.stdout.isatty():
        output.emit("\n".join(machine.name for machine in found))
    elif found:
        output.emit(machines.machine_table(found))
    if not found and not as_json:
        output.say(f"No machines. Make one: ds-ec2 up{target.flags}")
