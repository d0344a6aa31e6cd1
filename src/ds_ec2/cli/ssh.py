"""`ds-ec2 ssh`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ds_ec2.cli.options import name_argument, target_options

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 ssh
  ds-ec2 ssh paper -- nvidia-smi
With OpenSSH (scp, rsync, editors), see: ds-ec2 proxy --help
"""


@click.command("ssh", epilog=EXAMPLE)
@name_argument
@click.argument("words", nargs=-1, metavar="[-- COMMAND]")
@target_options
def command(target: Target, name: str | None, words: tuple[str, ...]) -> None:
    """Open a shell on a machine, or run one command there, through Session Manager.

    As with ssh, the words of a command are joined and read by the machine's shell.
    """
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.shell import shell

    sys.exit(shell(connect(target), name or "", " ".join(words) or None))
