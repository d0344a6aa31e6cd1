"""`ds-ec2 quota show|request`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ds_ec2.cli.agree import Consent, agreed
from ds_ec2.cli.options import dry_run_option, json_option, target_options, yes_option
from ds_ec2.cli.wishes import wish_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target
    from ds_ec2.model.wishes import Wish

EXAMPLE = """\b
Example:
  ds-ec2 quota request --gpu A10G:1         what runs, and the cheapest machine with an A10G
  ds-ec2 quota request --instance-type p5.4xlarge --follow
  ds-ec2 quota request --gpu L4 --spot --vcpus 16
A request that is open already is shown, and followed, instead of making a second one.
"""


@click.group(
    "quota",
    invoke_without_command=True,
    epilog="\b\nExample:\n  ds-ec2 quota                              as `quota show`\n"
    "  ds-ec2 quota request --gpu A10G:1",
)
@click.pass_context
def command(context: click.Context) -> None:
    """Show how many vCPUs the account may run, or ask AWS for more."""
    if context.invoked_subcommand is None:
        context.invoke(quota_show)


@command.command("show", epilog="\b\nExample:\n  ds-ec2 quota show --region eu-west-1")
@json_option
@target_options
def quota_show(target: Target, *, as_json: bool) -> None:
    """Show the limit of each class of machines, what runs, and what is free."""
    from ds_ec2.console import output, quotas
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.quotas import show_quotas

    account = connect(target)
    found = show_quotas(account)
    output.show(found, quotas.quota_table(account.region, found), as_json=as_json)


@command.command("request", epilog=EXAMPLE)
@wish_options
@click.option("--instance-type", metavar="TYPE", help="The very type.  [default: that of `up`]")
@click.option("--vcpus", type=click.IntRange(min=1), metavar="N", help="The limit to ask for.")
@click.option("--follow", "following", is_flag=True, help="Wait until AWS has decided.")
@dry_run_option
@yes_option
@json_option
@target_options
def quota_request(
    target: Target,
    wish: Wish | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Ask AWS for as many vCPUs as one more machine needs.

    Takes the wishes of `up`, shows what it would ask for, and asks you.
    """
    from dataclasses import replace

    from ds_ec2.config.settings import load_settings
    from ds_ec2.console import output, quotas
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.quotas import apply_request, follow, plan_request

    instance_type = options["instance_type"]
    if wish is not None and instance_type:
        wish = replace(wish, types=(instance_type,))
    account = connect(target)
    plan = plan_request(account, instance_type or load_settings().instance_type, wish, options["vcpus"])
    market = " --spot" if plan.market.value == "spot" else ""
    again = (
        f"ds-ec2 quota request --instance-type {plan.type.name}{market} --vcpus {plan.value:g}{target.flags}"
    )
    # Nothing is asked of AWS where a request is open already: there is nothing to agree to.
    consent = Consent(dry_run=dry_run, yes=yes or plan.open is not None, as_json=as_json)
    if not agreed(plan, quotas.quota_plan(plan), consent, question="Ask AWS?", hint=f"{again} --yes"):
        return
    request = apply_request(account, plan)
    if options["following"]:
        request = show_steps(follow(account, request))
    output.show(request, quotas.quota_request(request, f"{again} --follow"), as_json=as_json)
