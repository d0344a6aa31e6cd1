"""Options that all commands share; they may stand before the command or after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from ds_ec2.model.target import Target

Handler = Callable[..., Any]

_LOCAL: Final = click.option("--local", is_flag=True, help="Use the embedded AWS on this computer.")
_REGION: Final = click.option("--region", metavar="NAME", help="AWS region.  [default: the profile's]")
_PROFILE: Final = click.option("--profile", metavar="NAME", help="Profile of ~/.aws/config.")
_VERBOSE: Final = click.option("-v", "--verbose", is_flag=True, help="Log every AWS call to standard error.")


def defaults_option(function: Handler) -> Handler:
    """Add the target's options to the group: `ds-ec2 --local up`."""

    @wraps(function)
    def group(*, local: bool, region: str | None, profile: str | None, verbose: bool) -> Any:
        context = click.get_current_context()
        context.obj = Target(region=region, profile=profile, local=local)
        if verbose:
            _log_calls()
        return function()

    for option in (_VERBOSE, _PROFILE, _REGION, _LOCAL):
        group = option(group)
    return group


def target_options(function: Handler) -> Handler:
    """Add the target's options to a command, which gets them as one `target`: `ds-ec2 up --local`."""

    @wraps(function)
    def command(
        *, local: bool, region: str | None, profile: str | None, verbose: bool, **arguments: Any
    ) -> Any:
        before = click.get_current_context().find_object(Target) or Target()
        target = Target(
            region=region or before.region, profile=profile or before.profile, local=local or before.local
        )
        if verbose:
            _log_calls()
        return function(target=target, **arguments)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined] # click keeps options there until the command is made
    for option in (_VERBOSE, _PROFILE, _REGION, _LOCAL):
        command = option(command)
    return command


json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
yes_option: Final = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
dry_run_option: Final = click.option(
    "--dry-run", is_flag=True, help="Show what would be done, with its price; change nothing."
)
name_argument: Final = click.argument("name", required=False)


def _log_calls() -> None:
    """Show one line per AWS call (service, operation, status, milliseconds), never a body."""
    import logging
    import sys

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("ds_ec2")
    logger.setLevel(logging.DEBUG)
    logger.handlers[:] = [handler]
