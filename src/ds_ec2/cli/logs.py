"""`ds-ec2 logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import json_option, name_argument, target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 logs                               the stages and how long they took
  ds-ec2 logs paper --bootstrap             the same, and the last lines of a stage that failed
  ds-ec2 logs paper --stage environment     what uv said
"""


@click.command("logs", epilog=EXAMPLE)
@name_argument
@click.option("--bootstrap", is_flag=True, help="Print all stages, and the log of one that failed.")
@click.option("--stage", metavar="STAGE", help="Print the log of one stage.")
@json_option
@target_options
def command(target: Target, name: str | None, stage: str | None, *, bootstrap: bool, as_json: bool) -> None:
    """Show how a machine was set up: its stages, or the log of one of them."""
    from ds_ec2.console import machines, output
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.logs import failed_lines, logs
    from ds_ec2.operations.machines import find, with_stages

    account = connect(target)
    if stage:
        for line in logs(account, name or "", stage):
            output.emit(line)
        return
    machine = with_stages(account, find(account, name or ""))
    output.show(machine.stages, machines.stages(machine), as_json=as_json)
    if bootstrap and not as_json:
        for line in failed_lines(account, machine):
            output.emit(line)
