"""`ds-ec2 idle`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ds_ec2.cli.options import json_option, name_argument, target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 idle                              what holds it, and when it will stop
  ds-ec2 idle paper --limit 90m            stop after 90 quiet minutes
  ds-ec2 idle paper --set cpu=0.5          less than half a core is quiet
  ds-ec2 idle paper --max-duration 12h     stop 12 hours after its start in any case
"""


@click.command("idle", epilog=EXAMPLE)
@name_argument
@click.option("--limit", metavar="TIME", help="Stop after so long without use; or never.")
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="SIGNAL=N",
    help="What is busy: cpu or terminals (cores), gpu (percent), network (kB/s).",
)
@click.option("--max-duration", metavar="TIME", help="Stop so long after each start in any case; or never.")
@click.option("--reset", is_flag=True, help="Forget --limit and --set: what the machine was made with holds.")
@json_option
@target_options
def command(
    target: Target,
    name: str | None,
    *,
    reset: bool,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Show what holds a machine awake and when it will stop, or change that."""
    from ds_ec2.console import idle as text
    from ds_ec2.console import output
    from ds_ec2.model.durations import parse_minutes
    from ds_ec2.model.idle import parse_thresholds
    from ds_ec2.operations import idle
    from ds_ec2.operations.connect import connect

    values: dict[str, float | None] = idle.given_back() if reset else {}
    values |= parse_thresholds(wanted["pairs"])
    if wanted["limit"] is not None:
        values["minutes"] = parse_minutes(wanted["limit"], "ds-ec2 idle --limit 90m")
    longest = wanted["max_duration"]
    most = None if longest is None else parse_minutes(longest, "ds-ec2 idle --max-duration 8h")
    account = connect(target)
    if values or most is not None:
        report = idle.change(account, name or "", values=values, max_minutes=most)
    else:
        report = idle.idle(account, name or "")
    output.show(report, text.idle_report(report), as_json=as_json)
