"""`doctor`: everything that would stop `up`, asked before anything is made; each failure with what mends it.

It only reads, but for one call that EC2 is told not to carry out (`DryRun`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.health import Check, CheckState, Health
from ds_ec2.model.offers import Market
from ds_ec2.operations import checks
from ds_ec2.operations.machines import inventory
from ds_ec2.operations.wished import wished_offers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.aws.account import Account
    from ds_ec2.model.requests import UpRequest

_REGIONS_AT_ONCE: Final = 6


def examine(account: Account, request: UpRequest) -> Health:
    """Return what would stop `up` of this request in the account's region, and what mends it.

    Raises:
        UsageError: The request names what does not exist.
    """
    try:
        caller = account.identity.caller()
    except DsEc2Error as error:
        return Health(account.region, (_failure("credentials", error),))
    who = Check("credentials", CheckState.OK, caller.arn)
    try:
        offers = wished_offers(account.region, request, local=account.endpoint is not None)
    except UsageError:
        raise
    except DsEc2Error as error:
        return Health(account.region, (who, _failure("type", error)))
    name = offers.offers[0].type.name if offers else request.instance_type
    market = offers.offers[0].market if offers else Market.ON_DEMAND
    with ThreadPoolExecutor(10) as pool:
        found = pool.submit(inventory, account)
        kind = pool.submit(account.instance_types.one, name)
        asked: dict[str, Callable[[], Check]] = {
            "permissions": lambda: checks.permissions(account, caller, request, found.result()),
            "stacks": lambda: checks.stacks(account, found.result()),
            "network": lambda: checks.network(account, found.result()),
            "type": lambda: checks.sold(account, name),
            "quota": lambda: checks.quota(account, kind.result(), market),
            "image": lambda: checks.image(account, request, kind.result()),
            "sizes": lambda: checks.sizes(request),
            "sessions": lambda: checks.sessions(account),
            "leftovers": lambda: checks.leftovers(account, found.result()),
        }
        told = list(pool.map(lambda one: _told(*one), asked.items()))
    if all(check.state is not CheckState.FAILED for check in told):
        told.append(_told("launch", lambda: checks.launch(account, request, kind.result(), found.result())))
    return Health(account.region, (who, *told, checks.known(account)))


def examine_regions(account: Account, request: UpRequest) -> tuple[Health, ...]:
    """Return what `examine` finds in every region that is on for the account."""
    regions = account.ec2.regions()
    with ThreadPoolExecutor(_REGIONS_AT_ONCE) as pool:
        return tuple(pool.map(lambda region: examine(account.elsewhere(region), request), regions))


def _told(name: str, ask: Callable[[], Check]) -> Check:
    """Return a check's result; what AWS refuses is a failed check."""
    try:
        return ask()
    except DsEc2Error as error:
        return _failure(name, error)


def _failure(name: str, error: DsEc2Error) -> Check:
    return Check(name, CheckState.FAILED, f"{error.what}: {error.why}".rstrip(": "), error.hint)
