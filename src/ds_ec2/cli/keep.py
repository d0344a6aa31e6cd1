"""`ds-ec2 keep`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import json_option, target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 keep 4h              the only machine
  ds-ec2 keep paper 4h
  ds-ec2 keep paper --off     let it go
"""


@click.command("keep", epilog=EXAMPLE)
@click.argument("name", required=False)
@click.argument("time", required=False)
@click.option("--off", is_flag=True, help="Let it go: it stops when it is idle.")
@json_option
@target_options
def command(target: Target, name: str | None, time: str | None, *, off: bool, as_json: bool) -> None:
    """Hold a machine awake for a TIME, whatever runs on it, and say what that costs."""
    from ds_ec2.console import idle as text
    from ds_ec2.console import output
    from ds_ec2.errors import UsageError
    from ds_ec2.model.durations import parse_seconds
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.idle import keep

    if name and not time and name[0].isdigit():  # no machine's name begins so
        name, time = None, name
    if off == bool(time):
        raise UsageError(
            "for how long?" if not off else "either a time or --off",
            hint=f"ds-ec2 keep {name or ''}".rstrip() + f" 4h{target.flags}",
        )
    seconds = 0 if off else parse_seconds(time or "", hint="ds-ec2 keep 4h")
    if not off and not seconds:
        raise UsageError(f"{time} holds nothing", hint=f"ds-ec2 keep{target.flags} --off")
    found = keep(connect(target), name or "", seconds)
    output.show(found, text.held(found, target.flags), as_json=as_json)
