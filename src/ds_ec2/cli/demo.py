"""`ds-ec2 demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.lab import stay
from ds_ec2.model.target import Target

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account

EXAMPLE = """\b
Example:
  ds-ec2 demo                               JupyterLab until Ctrl-C, then a clean end
  ds-ec2 demo --once                        check that it answers, then a clean end
"""
NAME = "demo"


@click.command("demo", epilog=EXAMPLE)
@click.option("--once", is_flag=True, help="Check that JupyterLab answers and end.")
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
def command(*, once: bool, no_browser: bool) -> None:
    """Do the main job on the embedded AWS: network, machine, JupyterLab, and a clean end.

    The templates, the CloudFormation calls, the bootstrap and the tunnel are those of a real account.
    """
    from ds_ec2.console import output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations import local
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.lab import open_lab, plan_lab

    target = Target(local=True)
    account = connect(target)
    try:
        _up(account)
        with show_steps(open_lab(account, plan_lab(account, NAME))) as lab:
            if once:
                output.emit(f"JupyterLab answered at {lab.url}")
            else:
                stay(lab, target, browser=not no_browser)
        output.say("Removing everything that was made.")
        _down(account)
    finally:
        show_steps(local.local_stop())  # what a failure left half-made goes with it
    output.emit("The demo is over: machine, data, network and embedded AWS are gone.")


def _up(account: Account) -> None:
    from ds_ec2.console import output, plans
    from ds_ec2.console.progress import show_steps
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.up import apply_up, plan_up

    plan = plan_up(account, UpRequest(name=NAME, wait_ready=True))
    output.say(plans.up_plan(plan))
    show_steps(apply_up(account, plan))


def _down(account: Account) -> None:
    from ds_ec2.console import machines, output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.model.requests import DataFate, DownRequest
    from ds_ec2.operations.down import apply_down, plan_down
    from ds_ec2.operations.network import apply_network_down, plan_network_down

    result = show_steps(apply_down(account, plan_down(account, DownRequest(NAME, DataFate.DELETE))))
    output.say(machines.down_result(result, " --local"))
    show_steps(apply_network_down(account, plan_network_down(account)))
