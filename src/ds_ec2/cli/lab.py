"""`ds-ec2 lab`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import json_option, name_argument, target_options, yes_option

if TYPE_CHECKING:
    from ds_ec2.model.target import Target
    from ds_ec2.operations.lab import LabSession

EXAMPLE = """\b
Example:
  ds-ec2 lab
  ds-ec2 lab paper --port 8890 --no-browser
Ctrl-C closes the tunnel; the machine runs on until it is idle or stopped.
"""


@click.command("lab", epilog=EXAMPLE)
@name_argument
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Port on this computer.  [default: the same each time, where it is free]",
)
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
@yes_option
@json_option
@target_options
def command(
    target: Target, name: str | None, port: int, *, no_browser: bool, yes: bool, as_json: bool
) -> None:
    """Open JupyterLab of a machine in the browser, through Session Manager."""
    from ds_ec2.console import output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.console.prompt import confirm
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.lab import open_lab, plan_lab

    account = connect(target)
    plan = plan_lab(account, name or "", port)
    question = f"{plan.machine.name} is stopped. Start it?"
    if (
        plan.needs_start
        and not yes
        and not confirm(question, hint=f"ds-ec2 lab {plan.machine.name}{target.flags} --yes")
    ):
        raise click.Abort
    with show_steps(open_lab(account, plan)) as lab:
        try:
            if as_json:
                output.emit_json({"url": lab.url_with_token, "port": lab.local_port, "machine": lab.machine})
            else:
                show_address(lab, browser=not no_browser)
                output.say("Ctrl-C closes the tunnel.")
            lab.wait()
        except KeyboardInterrupt:
            output.say(_what_runs_on(lab, target))
            return
        raise lab.broken()


def _what_runs_on(lab: LabSession, target: Target) -> str:
    """Return what a person is told who closes the tunnel."""
    from ds_ec2.console.amounts import per_hour

    price = per_hour(lab.machine.usd_per_hour, at_most=lab.machine.usd_at_most)
    stop = f"ds-ec2 stop {lab.machine.name}{target.flags}"
    return f"\nThe tunnel is closed; {lab.machine.name} runs on ({price}). Stop it: {stop}"


def show_address(lab: LabSession, *, browser: bool) -> None:
    """Print the address, and open the browser where there is one."""
    from ds_ec2.console import output
    from ds_ec2.console.browser import open_browser

    opened = browser and open_browser(lab.url_with_token)
    output.emit(lab.url if opened else lab.url_with_token)
