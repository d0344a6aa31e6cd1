"""`ds-ec2 proxy`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ssh -o ProxyCommand="ds-ec2 proxy %h" ec2-user@work
In ~/.ssh/config, for ssh, scp, rsync and editors:
  Host work
    User ec2-user
    ProxyCommand ds-ec2 proxy %h
"""


@click.command("proxy", epilog=EXAMPLE)
@click.argument("name")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=22,
    show_default=True,
    metavar="N",
    help="The machine's SSH port.",
)
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Key to authorise first.  [default: the newest ~/.ssh/id_*.pub]",
)
@target_options
def command(target: Target, name: str, port: int, public_key: Path | None) -> None:
    """Carry one SSH connection over standard input and output, through Session Manager.

    NAME is the machine's name or its instance id. The key is authorised through the same private road.
    """
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.shell import proxy

    sys.exit(proxy(connect(target), name, port, public_key))
