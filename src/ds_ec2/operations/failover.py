"""`up` in several regions, and again until AWS has a machine; what to type where it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.shortage import Shortage, shortage
from ds_ec2.catalog.refreshed import catalogue
from ds_ec2.config.paths import catalogue_dir
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.attempts import Try
from ds_ec2.model.offers import Market
from ds_ec2.model.plans import StackAction
from ds_ec2.model.steps import Step, StepState
from ds_ec2.model.wish_grammar import format_wish
from ds_ec2.operations.capacity import NoCapacityError
from ds_ec2.operations.planning import check_quota, more_quota
from ds_ec2.operations.up import apply_up, check_plan, plan_up
from ds_ec2.operations.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.plans import UpPlan
    from ds_ec2.model.requests import UpRequest

_LARGE_REGIONS: Final = ("us-east-1", "us-west-2", "us-east-2", "eu-west-1", "eu-central-1", "ap-northeast-1")
"""Where to look next: AWS's largest, which get new types first."""


@dataclass(frozen=True, slots=True)
class Way:
    """A plan, and the account and region that it is for."""

    account: Account
    plan: UpPlan


def plan_up_in(accounts: tuple[Account, ...], request: UpRequest) -> tuple[Way, ...]:
    """Return a plan for each region, in the order in which they are tried. Only reads.

    Raises:
        UsageError: The request names what is in one region alone, or the machine's data is in one.
        DsEc2Error: It cannot be done in one of them.
    """
    bound = {"--zone": request.zone, "--image": request.image, "--snapshot": request.snapshot}
    named = [option for option, value in bound.items() if value]
    if len(accounts) > 1 and named:
        raise UsageError(
            f"{named[0]} belongs to one region",
            why=f"--regions names {len(accounts)}",
            hint=f"leave {named[0]} or --regions out",
        )
    ways = tuple(Way(account, plan_up(account, request)) for account in accounts)
    for way in ways:
        if len(ways) > 1 and way.plan.data.action is StackAction.KEEP:
            raise UsageError(
                f"the data of {request.name} is in {way.plan.zone}",
                why="a volume does not leave its zone; in another region the machine would begin without it",
                hint=f"ds-ec2 up {request.name} --regions {way.plan.region}, or another name",
            )
    return ways


def check_ways(ways: tuple[Way, ...]) -> None:
    """Refuse what cannot be made in any of the regions, before anybody is asked whether to make it.

    Raises:
        DsEc2Error: As `check_plan` says of the first.
    """
    failures: list[DsEc2Error] = []
    for way in ways:
        try:
            return check_plan(way.account, way.plan)
        except DsEc2Error as error:
            failures.append(error)
    raise failures[0]


def apply_up_in(
    ways: tuple[Way, ...], again: Iterator[float] | None = None
) -> Generator[Step, None, Machine]:
    """Make the machine where there is one first: region by region, and round by round.

    Steps: as `apply_up`, and `region:<name>` where there are several, `wait` between two rounds.

    Args:
        ways: At least one; in their order.
        again: Seconds to wait before each further round; None makes only one round.

    Raises:
        NoCapacityError: There is none, with what was tried and what to type next.
    """
    while True:
        tried: list[Try] = []
        for way in ways:
            if len(ways) > 1:
                yield Step(f"region:{way.plan.region}", f"in {way.plan.region}", StepState.NOTE)
            try:
                if len(ways) > 1:
                    _check_room(way)
                return (yield from apply_up(way.account, way.plan))
            except NoCapacityError as error:
                tried += error.tried
        if again is None:
            raise _nowhere(ways, tuple(tried))
        yield from wait(next(again))


def _check_room(way: Way) -> None:
    """Pass over a region whose quota is too small: another one may have room."""
    try:
        check_quota(way.account, way.plan.quota, way.plan.type, way.plan.market)
    except DsEc2Error as error:
        tried = Try(f"{way.plan.type.name} in {way.plan.region}", error.why)
        raise NoCapacityError(error.what, (tried,)) from error


def _nowhere(ways: tuple[Way, ...], tried: tuple[Try, ...]) -> NoCapacityError:
    plan, account = ways[0].plan, ways[0].account
    asked = format_wish(plan.request.wish) if plan.request.wish else ""
    asked = asked or f"--instance-type {plan.type.name}"
    again = f"ds-ec2 up {plan.request.name} {asked}"
    here = [way.plan.region for way in ways]
    hints = [f"{again} --retry-until-up{account.flags}  # tries until there is one"]
    if all(shortage(one.words) is Shortage.QUOTA for one in tried):
        hints.insert(0, more_quota(account, plan.type, plan.market))
    if all(attempt.market is Market.ON_DEMAND for attempt in plan.attempts):
        hints.append(f"{again} --spot{account.flags}  # another pool, cheaper, may be taken away")
    if (more := _elsewhere(account, plan.type.name, here)) and not plan.request.zone:
        flags = account.flags.replace(f" --region {here[0]}", "")
        hints.append(f"{again} --regions {','.join([*here, more])}{flags}  # then in {more}")
    where = ", ".join(here)
    count = f"{len(tried)} {'tries' if len(tried) > 1 else 'try'}"
    return NoCapacityError(
        f"AWS has no machine for {plan.request.name} in {where} just now ({count})",
        tried,
        hint="\n".join(hints),
    )


def _elsewhere(account: Account, kind: str, here: list[str]) -> str:
    """Return a further region that sells the type, as far as the catalogue knows; else nothing."""
    folder = catalogue_dir(local=account.endpoint is not None)
    others = (name for name in _LARGE_REGIONS if name not in here)
    return next((name for name in others if kind in catalogue(name, folder).zones), "")
