"""`ds-ec2 local start|stop|status|logs`."""

from __future__ import annotations

import click

from ds_ec2.cli.options import json_option


@click.group("local", epilog="\b\nExample:\n  ds-ec2 local start\n  ds-ec2 local stop")
def command() -> None:
    """Run the embedded AWS on this computer; `--local` starts it by itself.

    It needs no account and no network beyond the package index. What it holds is gone when it stops.
    """


@command.command("start", epilog="\b\nExample:\n  ds-ec2 local start")
@json_option
def local_start(*, as_json: bool) -> None:
    """Start it, unless it runs."""
    from ds_ec2.console import machines, output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations import local

    status = show_steps(local.local_start())
    output.show(status, machines.local_facts(status), as_json=as_json)


@command.command("stop", epilog="\b\nExample:\n  ds-ec2 local stop")
@json_option
def local_stop(*, as_json: bool) -> None:
    """Stop it and all its machines."""
    from ds_ec2.console import machines, output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations import local

    status = show_steps(local.local_stop())
    output.show(status, machines.local_facts(status), as_json=as_json)


@command.command("status", epilog="\b\nExample:\n  ds-ec2 local status --json")
@json_option
def local_status(*, as_json: bool) -> None:
    """Say whether it runs, and where."""
    from ds_ec2.console import machines, output
    from ds_ec2.operations import local

    status = local.local_status()
    output.show(status, machines.local_facts(status), as_json=as_json)


@command.command("logs", epilog="\b\nExample:\n  ds-ec2 local logs --follow")
@click.option("-f", "--follow", is_flag=True, help="Wait for new lines.")
def local_logs(*, follow: bool) -> None:
    """Print its log: one line a request."""
    from ds_ec2.console import output
    from ds_ec2.operations import local

    for line in local.local_logs(follow=follow):
        output.emit(line)
