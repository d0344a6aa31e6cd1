"""`ds-ec2 down`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ds_ec2.cli.agree import Consent, agreed
from ds_ec2.cli.options import dry_run_option, json_option, name_argument, target_options, yes_option

if TYPE_CHECKING:
    from ds_ec2.model.plans import DownPlan
    from ds_ec2.model.requests import DataFate
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 down                               asks about the data
  ds-ec2 down paper --data keep-snapshot -y
  ds-ec2 down paper --data delete --dry-run
"""


@click.command("down", epilog=EXAMPLE)
@name_argument
@click.option(
    "--data", type=click.Choice(["keep-snapshot", "delete"]), help="What becomes of the data volume."
)
@dry_run_option
@yes_option
@json_option
@target_options
def command(
    target: Target, name: str | None, data: str | None, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Remove a machine and, as you decide, its data; then look whether anything is left."""
    from ds_ec2.console import machines, output, plans
    from ds_ec2.console.progress import show_steps
    from ds_ec2.model.requests import DataFate, DownRequest
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.down import apply_down, plan_down

    account = connect(target)
    plan = plan_down(account, DownRequest(name=name or "", data=DataFate(data) if data else None))
    if plan.data_volume and plan.data is None and not dry_run:
        plan = replace(plan, data=_ask_fate(plan, target))
    hint = f"ds-ec2 down {plan.machine.name}{target.flags} --data {plan.data or 'keep-snapshot'} --yes"
    question = f"Remove {plan.machine.name}?"
    consent = Consent(dry_run=dry_run, yes=yes, as_json=as_json)
    if not agreed(plan, plans.down_plan(plan), consent, question=question, hint=hint):
        return
    result = show_steps(apply_down(account, plan))
    output.show(result, machines.down_result(result, target.flags), as_json=as_json)


def _ask_fate(plan: DownPlan, target: Target) -> DataFate:
    from ds_ec2.console.amounts import per_month
    from ds_ec2.console.prompt import choose
    from ds_ec2.model.requests import DataFate

    price = per_month(plan.snapshot_usd_per_month)
    keep = DataFate.KEEP_SNAPSHOT
    answers = {
        "k": keep,
        "keep": keep,
        "keep-snapshot": keep,
        "d": DataFate.DELETE,
        "delete": DataFate.DELETE,
    }
    return choose(
        f"The data volume ({plan.data_gib} GiB): (k)eep a snapshot, at most {price}, or (d)elete it? [k/d]",
        answers,
        hint=f"ds-ec2 down {plan.machine.name}{target.flags} --data keep-snapshot",
    )
