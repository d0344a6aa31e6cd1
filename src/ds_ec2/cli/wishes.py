"""The options that say what a machine has to have: `offers` and `up` share them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from ds_ec2.model.wishes import SpotPolicy, Wish

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS: Final = (
    click.option(
        "--gpu", "--gpus", "gpu", metavar="GPU", help="Name, memory, number: A10G, 24GB.., A100:80GB:2, L4:1."
    ),
    click.option("--cpus", metavar="N", help="Virtual CPUs: 4, 4+, 4..8."),
    click.option("--memory", metavar="GIB", help="Memory in GiB: 16, 16+, 16..64."),
    click.option(
        "--arch",
        type=click.Choice(["x86_64", "arm64"]),
        help="Architecture.  [default: x86_64, where it can be had]",
    ),
    click.option(
        "--max-price", type=click.FloatRange(min=0, min_open=True), metavar="USD", help="Most per hour."
    ),
    click.option("--spot", "spot", flag_value="spot", help="On the spot market: cheaper, may be taken away."),
    click.option("--on-demand", "spot", flag_value="on-demand", help="At the list price.  [default]"),
    click.option(
        "--spot-policy",
        type=click.Choice([policy.value for policy in SpotPolicy]),
        help="As --spot and --on-demand; auto takes the cheaper one.",
    ),
)

_NAMES: Final = ("gpu", "cpus", "memory", "arch", "max_price", "spot", "spot_policy")


def wish_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one `wish`; None where nothing was wished.

    `--zone` and `--instance-type` are the command's own: they reach it besides.
    """

    @wraps(function)
    def command(**arguments: Any) -> Any:
        wish = _wish({name: arguments.pop(name) for name in _NAMES})
        return function(wish=None if wish == Wish() else wish, **arguments)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _wish(given: dict[str, Any]) -> Wish:
    """Return the wish of the options' values; None where one was not given."""
    from ds_ec2.model.wish_grammar import parse_gpu, parse_range

    policy = given["spot"] or given["spot_policy"]
    return Wish(
        gpu=None if given["gpu"] is None else parse_gpu(given["gpu"]),
        cpus=None if given["cpus"] is None else parse_range(given["cpus"], "--cpus"),
        memory_gib=None if given["memory"] is None else parse_range(given["memory"], "--memory"),
        architecture=given["arch"] or "",
        max_price=given["max_price"],
        spot=SpotPolicy(policy) if policy else SpotPolicy.ON_DEMAND,
    )
