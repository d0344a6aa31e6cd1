"""Options that all commands share; they may stand before the command or after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Final

import click

from ds_ec2.model.target import Target

Handler = Callable[..., Any]

_LOCAL: Final = click.option("--local", is_flag=True, help="Use the embedded AWS on this computer.")
_REGION: Final = click.option("--region", metavar="NAME", help="AWS region.  [default: the profile's]")
_REGIONS: Final = click.option(
    "--region",
    metavar="NAME",
    multiple=True,
    help="AWS region; more than once for several.  [default: as usual]",
)
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


def regions_options(function: Handler) -> Handler:
    """Add the target's options to a command that looks at several regions, which gets `target` and `regions`.

    `regions` are those that were named: with `--region` more than once, before the command or after it.
    """

    def command(*, region: tuple[str, ...], target: Target, **arguments: Any) -> Any:
        named = region or ((target.region,) if target.region else ())
        return function(
            target=replace(target, region=named[0] if named else None), regions=named, **arguments
        )

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined] # click keeps options there until the command is made
    return _with_target(_REGIONS(command), (_VERBOSE, _PROFILE, _LOCAL))


def target_options(function: Handler) -> Handler:
    """Add the target's options to a command, which gets them as one `target`: `ds-ec2 up --local`."""
    return _with_target(function, (_VERBOSE, _PROFILE, _REGION, _LOCAL))


def _with_target(function: Handler, options: tuple[Any, ...]) -> Handler:

    @wraps(function)
    def command(*, local: bool, profile: str | None, verbose: bool, **arguments: Any) -> Any:
        before = click.get_current_context().find_object(Target) or Target()
        region = arguments.pop("region", None) if _REGION in options else None
        target = Target(
            region=region or before.region, profile=profile or before.profile, local=local or before.local
        )
        if verbose:
            _log_calls()
        return function(target=target, **arguments)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined] # click keeps options there until the command is made
    for option in options:
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
