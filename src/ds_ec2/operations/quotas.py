"""`quota show|request`: what the account may run, and asking AWS for more."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import AlreadyExistsError
from ds_ec2.aws.quotas import CLASSES, quota_code, quota_name, used
from ds_ec2.errors import EXIT_FAILED, DsEc2Error, UsageError
from ds_ec2.model.offers import Market, OffersRequest
from ds_ec2.model.quotas import APPROVED, QuotaPlan, QuotaRequest, QuotaUse
from ds_ec2.model.steps import Step, StepState
from ds_ec2.model.wishes import SpotPolicy, Wish
from ds_ec2.operations.choice import region_catalogue
from ds_ec2.operations.offers import offers_offline

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.instances import InstanceType

_LOOK_S: Final = 30.0
"""Between two looks at a request: a person or a rule decides, in minutes at best."""
_STEP: Final = 4
"""vCPUs of the smallest GPU machines that have a whole GPU: what is asked for is a multiple."""


def show_quotas(account: Account) -> tuple[QuotaUse, ...]:
    """Return every class of machines on both markets: its limit, what runs, and what was asked for."""
    codes = dict.fromkeys(code for one in CLASSES for code in (one.on_demand, one.spot) if code)
    with ThreadPoolExecutor(3) as pool:
        limits = pool.submit(account.quotas.listed, codes)
        running = pool.submit(account.ec2.instances, {"instance-state-name": ["pending", "running"]})
        requests = pool.submit(account.quotas.open_requests)
    asked = {one.code: one.value for one in requests.result()}
    inside = used(running.result())
    return tuple(
        QuotaUse(quota_name(code), code, limits.result().get(code), inside.get(code, 0), asked.get(code))
        for code in sorted(
            codes, key=lambda code: (quota_name(code).endswith("spot"), list(codes).index(code))
        )
    )


def plan_request(account: Account, instance_type: str, wish: Wish | None, vcpus: int | None) -> QuotaPlan:
    """Return what would be asked for, so that one more machine fits. Only reads.

    Args:
        account: Where.
        instance_type: The type, where there is no wish.
        wish: What the machine has to have: the cheapest that meets it is meant.
        vcpus: The limit that is wanted; None for what runs and the machine together.

    Raises:
        UsageError: There is no such type.
        DsEc2Error: It fits already (which is no failure), or its quota is not known.
    """
    kind, market = _wanted(account, instance_type, wish)
    code = quota_code(kind.name, market)
    if not code:
        raise DsEc2Error(
            f"no quota is known that {kind.name} counts against ({market.value})",
            why="Macs are sold on dedicated hosts, and some families not on the spot market",
            hint="https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas",
        )
    quota = account.quotas.room([code]).verdict(kind, market)
    if quota.limit is None:
        raise DsEc2Error(f"the quota {code} could not be read", hint=f"ds-ec2 doctor{account.flags}")
    value = float(vcpus or -(-(quota.used + quota.needed) // _STEP) * _STEP)
    if value <= quota.limit:
        raise DsEc2Error(
            f"{kind.name} fits already" if quota.enough else f"{value:g} vCPU are not more than there are",
            why=f"{quota.used} of {quota.limit:g} vCPU are in use ({code}), it needs {quota.needed}",
            hint=f"ds-ec2 up --instance-type {kind.name}{account.flags}"
            f" (to ask for more all the same: --vcpus {quota.limit + quota.needed:g})",
            exit_code=0 if quota.enough else EXIT_FAILED,
        )
    waiting = next((one for one in account.quotas.requests(code) if one.open), None)
    return QuotaPlan(account.region, kind, market, quota_name(code), quota, value, waiting)


def apply_request(account: Account, plan: QuotaPlan) -> QuotaRequest:
    """Ask for what the plan says, and return the request; one that is open already is returned instead."""
    if plan.open:
        return plan.open
    try:
        return account.quotas.ask(plan.quota.code, plan.value)
    except AlreadyExistsError:
        waiting = [one for one in account.quotas.requests(plan.quota.code) if one.open]
        if not waiting:
            raise
        return waiting[0]


def follow(account: Account, request: QuotaRequest) -> Generator[Step, None, QuotaRequest]:
    """Yield where a request stands until it is decided, and return it.

    Raises:
        DsEc2Error: It was not approved, with where to ask why.
    """
    begun = time.monotonic()
    title = f"request for {request.value:g} vCPU"
    pause = account.poll_s if account.endpoint else _LOOK_S
    while request.open:
        case = f", support case {request.case}" if request.case else ""
        yield Step("quota", title, StepState.RUNNING, f"{request.status}{case}", time.monotonic() - begun)
        time.sleep(pause)
        found = (one for one in account.quotas.requests(request.code) if one.id == request.id)
        request = next(found, request)
    approved = request.status == APPROVED
    state = StepState.DONE if approved else StepState.FAILED
    yield Step("quota", title, state, request.status, time.monotonic() - begun)
    if not approved:
        case = f"support case {request.case} says more" if request.case else "no reason is told"
        raise DsEc2Error(
            f"AWS did not approve {request.value:g} vCPU: {request.status}",
            why=case,
            hint="https://console.aws.amazon.com/servicequotas/home/requests (or ask for less: --vcpus N)",
        )
    return request


def _wanted(account: Account, name: str, wish: Wish | None) -> tuple[InstanceType, Market]:
    """Return the type that is meant, and its market."""
    if wish is None or (wish.types and wish == Wish(types=wish.types, spot=wish.spot)):
        name = wish.types[0] if wish else name
        kind = region_catalogue(account).type(name) or account.instance_types.one(name)
        return kind, Market.SPOT if wish and wish.spot is SpotPolicy.SPOT else Market.ON_DEMAND
    found = offers_offline(account.region, OffersRequest(wish, limit=1), local=account.endpoint is not None)
    if found.offers:
        return found.offers[0].type, found.offers[0].market
    raise UsageError(
        f"what meets {found.wish} has no known price",
        why=f"these do: {', '.join(found.unpriced)}",
        hint=f"ds-ec2 quota request --instance-type {found.unpriced[0]}{account.flags}",
    )
