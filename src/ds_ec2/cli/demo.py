"""`ds-ec2 demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

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
    from ds_ec2.errors import DsEc2Error
    from ds_ec2.operations.demo import demo_account

    with demo_account() as account:
        try:
            _up(account)
            _lab(account, once=once, browser=not no_browser)
            output.say("Removing everything that was made.")
            _down(account)
        except DsEc2Error as error:
            # Its embedded AWS ends with it: a hint that looks into the machine would find nothing.
            hint = "the same, step by step, with a machine that stays: ds-ec2 --local up demo"
            raise DsEc2Error(error.what, why=error.why, hint=hint, exit_code=error.exit_code) from error
    output.emit("The demo is over: machine, data, network and embedded AWS are gone.")


def _lab(account: Account, *, once: bool, browser: bool) -> None:
    from contextlib import suppress

    from ds_ec2.cli.lab import show_address
    from ds_ec2.console import output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations.lab import open_lab, plan_lab

    with show_steps(open_lab(account, plan_lab(account, NAME))) as lab:
        if once:
            output.emit(f"JupyterLab answered at {lab.url}")
            return
        with suppress(KeyboardInterrupt):
            show_address(lab, browser=browser)
            output.say("Ctrl-C ends the demo.")
            lab.wait()
            raise lab.broken()


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
