"""`ds-ec2 start`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.agree import Consent, agreed
from ds_ec2.cli.options import json_option, name_argument, target_options, yes_option

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 start
  ds-ec2 start paper
  ds-ec2 start paper --instance-type g6.2xlarge   another type, the same disks
"""


@click.command("start", epilog=EXAMPLE)
@name_argument
@click.option("--instance-type", metavar="TYPE", help="Give it another type first; asks, with the price.")
@click.option("--retry-until-up", is_flag=True, help="Where AWS has no room for it, try again until it has.")
@yes_option
@json_option
@target_options
def command(
    target: Target,
    name: str | None,
    instance_type: str | None,
    *,
    retry_until_up: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Start a stopped machine and wait until JupyterLab answers."""
    from ds_ec2.console import machines, output
    from ds_ec2.console.plans import retype_plan
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.power import start
    from ds_ec2.operations.retype import plan_retype
    from ds_ec2.operations.waiting import waits

    account = connect(target)
    plan = plan_retype(account, name or "", instance_type) if instance_type else None
    if plan:
        hint = f"ds-ec2 start {plan.machine.name} --instance-type {instance_type}{target.flags} --yes"
        consent = Consent(dry_run=False, yes=yes, as_json=as_json)
        if not agreed(plan, retype_plan(plan), consent, question="Start it so?", hint=hint):
            return
    again = waits(account) if retry_until_up else None
    machine = show_steps(start(account, name or "", retype=plan, again=again))
    output.show(machine, machines.machine_facts(machine, target.flags), as_json=as_json)
