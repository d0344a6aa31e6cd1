"""`ds-ec2 network up|show|down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.agree import Consent, agreed
from ds_ec2.cli.options import dry_run_option, json_option, target_options, yes_option
from ds_ec2.model.defaults import DEFAULT_CIDR

if TYPE_CHECKING:
    from ds_ec2.model.target import Target


@click.group("network", epilog="\b\nExample:\n  ds-ec2 network show\n  ds-ec2 network down")
def command() -> None:
    """Make, show or remove the network that all machines of a region share.

    `ds-ec2 up` makes it when it is missing.
    """


@command.command("up", epilog="\b\nExample:\n  ds-ec2 network up --cidr 10.7.0.0/16")
@click.option(
    "--cidr", metavar="RANGE", default=DEFAULT_CIDR, show_default=True, help="Address range of the VPC."
)
@dry_run_option
@yes_option
@json_option
@target_options
def network_up(target: Target, cidr: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Make the shared network."""
    from ds_ec2.console import machines, output, plans
    from ds_ec2.console.progress import show_steps
    from ds_ec2.model.requests import NetworkRequest
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.network import apply_network_up, plan_network_up

    account = connect(target)
    plan = plan_network_up(account, NetworkRequest(vpc_cidr=cidr))
    hint = f"ds-ec2 network up{target.flags} --yes"
    consent = Consent(dry_run=dry_run, yes=yes, as_json=as_json)
    if not agreed(plan, plans.network_plan(plan), consent, question="Make it?", hint=hint):
        return
    network = show_steps(apply_network_up(account, plan))
    output.show(network, machines.network_facts(network), as_json=as_json)


@command.command("show", epilog="\b\nExample:\n  ds-ec2 network show --json")
@json_option
@target_options
def network_show(target: Target, *, as_json: bool) -> None:
    """Show the shared network, the machines on it and what it costs."""
    from ds_ec2.console import machines, output
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.network import show_network

    network = show_network(connect(target))
    output.show(network, machines.network_facts(network), as_json=as_json)


@command.command("down", epilog="\b\nExample:\n  ds-ec2 network down --dry-run")
@dry_run_option
@yes_option
@json_option
@target_options
def network_down(target: Target, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove the shared network; refused while machines are on it."""
    from ds_ec2.console import output, plans
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.network import apply_network_down, plan_network_down

    account = connect(target)
    plan = plan_network_down(account)
    hint = f"ds-ec2 network down{target.flags} --yes"
    consent = Consent(dry_run=dry_run, yes=yes, as_json=as_json)
    if not agreed(plan, plans.network_down_plan(plan), consent, question="Remove it?", hint=hint):
        return
    show_steps(apply_network_down(account, plan))
    output.show({"removed": plan.stack.name}, "The network is gone.", as_json=as_json)
