"""`ds-ec2 up`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ds_ec2.cli.agree import Consent, agreed
from ds_ec2.cli.options import dry_run_option, json_option, target_options, yes_option
from ds_ec2.cli.wishes import wish_options
from ds_ec2.model.defaults import DEFAULT_TYPE
from ds_ec2.model.wishes import Wish

if TYPE_CHECKING:
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.model.target import Target

EXAMPLE = """\b
Example:
  ds-ec2 up --local                         without an AWS account
  ds-ec2 up --gpu 24GB..                    the cheapest GPU with 24 GB and more
  ds-ec2 up --cpus 8+ --memory 32+ --max-price 0.5
  ds-ec2 up --instance-type g6.xlarge       this very type
  ds-ec2 up --gpu L4 --spot                 cheaper, and EC2 may take it back
  ds-ec2 up paper --packages requirements.txt --data-gib 200
  ds-ec2 up paper --snapshot snap-0123456789abcdef0
  ds-ec2 up --dry-run                       what it would make, and the price
  ds-ec2 up --gpu L4 --dry-run --offline    the same from the catalogue, without an account
"""


@click.command("up", epilog=EXAMPLE)
@click.argument("name", default="work")
@click.option("--instance-type", metavar="TYPE", help=f"EC2 instance type.  [default: {DEFAULT_TYPE}]")
@wish_options
@click.option("--image", metavar="AMI", help="Machine image.  [default: the newest that fits the type]")
@click.option("--zone", metavar="ZONE", help="Availability zone.  [default: one that sells the type]")
@click.option("--root-gib", type=click.IntRange(8, 16384), metavar="N", help="Root volume in GiB.")
@click.option(
    "--data-gib",
    type=click.IntRange(1, 16384),
    metavar="N",
    help="Data volume in GiB.  [default: 50]",
)
@click.option(
    "--snapshot",
    metavar="SNAP",
    help="Begin with the data of a snapshot that `down` kept; kept: the newest.",
)
@click.option(
    "--initialization-rate",
    type=click.IntRange(100, 300),
    metavar="MIB",
    help="MiB/s at which the snapshot's data come; it bills.  [default: as AWS gives it]",
)
@click.option(
    "--packages",
    metavar="DOCUMENT",
    help="Requirements file, pyproject.toml, environment.yml, or names.  [default: a data science list]",
)
@click.option("--python", metavar="X.Y", help="Python of the environment.  [default: 3.12]")
@click.option(
    "--idle-timeout",
    metavar="TIME",
    help="Stop after so long without work; or never.  [default: 60m]",
)
@click.option(
    "--idle-threshold",
    "idle_pairs",
    multiple=True,
    metavar="SIGNAL=N",
    help="What is busy: cpu or terminals (cores), gpu (percent), network (kB/s).",
)
@click.option("--max-duration", metavar="TIME", help="Stop so long after each start in any case.")
@click.option("--docker", is_flag=True, default=None, help="Docker too, with the GPUs in containers.")
@click.option(
    "--hold/--no-hold",
    default=None,
    help="Hold the capacity while the stack is made.  [default: where that cannot become dear]",
)
@click.option("--regions", metavar="LIST", help="Regions to try one after the other: us-east-1,us-west-2.")
@click.option("--retry-until-up", is_flag=True, help="Where nothing is free, try again until there is.")
@click.option("--wait-ready", is_flag=True, help="Wait for all packages, not only for JupyterLab.")
@click.option(
    "--no-permission-check",
    "check_permissions",
    flag_value=False,
    type=bool,
    default=None,
    help="Go on though IAM's policy simulator says that something is denied.",
)
@click.option("--offline", is_flag=True, help="With --dry-run: plan from the catalogue, ask nobody.")
@dry_run_option
@yes_option
@json_option
@target_options
def command(
    target: Target,
    name: str,
    wish: Wish | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a machine called NAME [work], or finish one that was begun.

    Shows what it will make and what that costs, asks, and ends when JupyterLab answers. Set other defaults in
    ~/.config/ds-ec2/config.toml or the environment (DS_EC2_INSTANCE_TYPE, ...).
    """
    from ds_ec2.config.settings import load_settings
    from ds_ec2.console import machines, output, plans
    from ds_ec2.model.durations import parse_minutes
    from ds_ec2.model.idle import parse_thresholds
    from ds_ec2.model.names import check_name
    from ds_ec2.model.requests import UpRequest

    settings = load_settings()
    regions, retry = options.pop("regions"), options.pop("retry_until_up")
    offline, idle_timeout = options.pop("offline"), options.pop("idle_timeout")
    thresholds, longest = options.pop("idle_pairs"), options.pop("max_duration")
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if thresholds:
        given["idle_thresholds"] = tuple(parse_thresholds(thresholds).items())
    if idle_timeout is not None:
        given["idle_minutes"] = parse_minutes(idle_timeout, "ds-ec2 up --idle-timeout 60m")
    if longest is not None:
        given["max_minutes"] = parse_minutes(longest, "ds-ec2 up --max-duration 8h")
    usual: dict[str, Any] = {
        "instance_type": settings.instance_type,
        "data_gib": settings.data_gib,
        "python": settings.python,
        "idle_minutes": settings.idle_minutes,
        "idle_thresholds": settings.idle_thresholds,
        "max_minutes": settings.max_minutes,
        "packages": settings.requirements,
        "way_out": settings.way_out,
    }
    if wish is not None and ("instance_type" in given or replace(wish, spot=Wish().spot) == Wish()):
        # Where nothing but a market is wished, it is wished for the usual machine.
        wish = replace(wish, types=((usual | given)["instance_type"],))
    request = UpRequest(name=check_name(name), wish=wish, **(usual | given))
    consent = Consent(dry_run=dry_run, yes=yes, as_json=as_json)
    if offline:
        _show_offline(target, request, consent)
        return
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.failover import apply_up_in, check_ways, plan_up_in
    from ds_ec2.operations.waiting import waits

    targets = _targets(target, regions)
    ways = plan_up_in(tuple(connect(one) for one in targets), request)
    every = tuple(way.plan for way in ways)
    first = every[0]
    if not dry_run:
        check_ways(ways)
    options_again = f" --instance-type {first.request.instance_type} --{first.market}" if wish else ""
    hint = f"ds-ec2 up {name}{target.flags}{options_again} --yes"
    text = "\n\n".join(plans.up_plan(plan) for plan in every)
    if not agreed(every if regions else every[0], text, consent, question="Make it?", hint=hint):
        return
    from ds_ec2.console.progress import show_steps

    again = waits(ways[0].account) if retry else None
    machine = show_steps(apply_up_in(ways, again))
    output.show(machine, machines.machine_facts(machine, target.flags), as_json=as_json)


def _targets(target: Target, regions: str | None) -> tuple[Target, ...]:
    """Return a target for each region that was listed; the target itself where none was."""
    from ds_ec2.errors import UsageError

    names = [part.strip() for part in (regions or "").split(",") if part.strip()]
    if regions is not None and (not names or len(set(names)) < len(names)):
        raise UsageError(f"--regions {regions!r} is no list of regions", hint="--regions us-east-1,us-west-2")
    if names and target.region not in {None, names[0]}:
        raise UsageError(
            "--region and --regions do not go together",
            why="--regions names all that are tried, the first one first",
            hint=f"--regions {','.join([str(target.region), *names])}",
        )
    return tuple(replace(target, region=name) for name in names) or (target,)


def _show_offline(target: Target, request: UpRequest, consent: Consent) -> None:
    from ds_ec2.console import output, plans
    from ds_ec2.errors import UsageError
    from ds_ec2.operations.offline import plan_up_offline
    from ds_ec2.operations.region import region_without_account

    if not consent.dry_run:
        raise UsageError(
            "offline nothing can be made",
            why="--offline asks nobody, AWS neither",
            hint=f"ds-ec2 up {request.name} --dry-run --offline",
        )
    plan = plan_up_offline(region_without_account(target), request, local=target.local)
    output.show(plan, plans.up_plan(plan), as_json=consent.as_json)
