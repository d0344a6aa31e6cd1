"""The entry point: finds the command, runs it, and turns expected errors into a line and an exit code."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from ds_ec2 import __version__
from ds_ec2.cli.options import defaults_option
from ds_ec2.errors import EXIT_INTERRUPTED, DsEc2Error

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final[dict[str, str]] = {
    "up": "Make a machine, or finish one that was begun.",
    "offers": "Show what machines cost and which can be had.",
    "ls": "List machines, what they do and what they cost.",
    "lab": "Open JupyterLab in the browser.",
    "ssh": "Open a shell on a machine.",
    "proxy": "Carry an SSH connection (ProxyCommand).",
    "env": "Change, show or pin a machine's packages.",
    "logs": "Show how a machine was set up.",
    "idle": "Show what holds a machine awake, and when it will stop.",
    "keep": "Hold a machine awake for a while.",
    "stop": "Stop a machine; its disks stay.",
    "start": "Start a stopped machine.",
    "down": "Remove a machine; asks what becomes of its data.",
    "network": "Make, show or remove the shared network.",
    "quota": "Show how much may run, or ask AWS for more.",
    "doctor": "Check what would stop `up`, and say what mends it.",
    "catalog": "Show or renew what is known of types and prices.",
    "local": "Run the embedded AWS: no account needed.",
    "demo": "The main job on the embedded AWS, start to end.",
}
"""One module of this package each, in the order of use. Listed here so that --help imports none of them."""


_GARBAGE: Final = 50_000
"""Objects between two collections: with Python's 700, start-up alone collects dozens of times."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"ds_ec2.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command where there is none of that name."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"ds-ec2 {near[0]}" if near else "ds-ec2 --help"
            raise click.UsageError(f"there is no command {args[0]!r}. Try: {hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps without an AWS account: ds-ec2 --local up, then ds-ec2 --local lab",
)
@click.version_option(__version__, prog_name="ds-ec2")
@defaults_option
def cli() -> None:
    """A private data science machine on AWS: no open port, no console, no surprise bill."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    gc.set_threshold(_GARBAGE)
    try:
        status = cli.main(args=arguments, prog_name="ds-ec2", standalone_mode=False)
    except DsEc2Error as error:
        from ds_ec2.console.failure import show_error

        show_error(error)
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        sys.exit(0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader has what it wanted (`ds-ec2 ls | head -1`); Python would complain once more at exit.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(status if isinstance(status, int) else 0)
