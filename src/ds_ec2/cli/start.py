"""`ds-ec2 start`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import json_option, name_argument, target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 start
  ds-ec2 start paper
"""


@click.command("start", epilog=EXAMPLE)
@name_argument
@json_option
@target_options
def command(target: Target, name: str | None, *, as_json: bool) -> None:
    """Start a stopped machine and wait until JupyterLab answers."""
    from ds_ec2.console import machines, output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.power import start

    machine = show_steps(start(connect(target), name or ""))
    output.show(machine, machines.machine_facts(machine, target.flags), as_json=as_json)
