"""In which order `up` tries: the offers in theirs, and the zones of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ds_ec2.bill.costs import hold_usd, machine_bill
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.attempts import ATTEMPT_S, Attempt
from ds_ec2.model.bill import Bill
from ds_ec2.model.offers import Market
from ds_ec2.operations import planning
from ds_ec2.operations.choice import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ds_ec2.model.bill import Price
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.offers import Offer
    from ds_ec2.model.plans import Image, UpPlan
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.facts import Facts

HOLD_AT_MOST_USD: Final = 5.0
"""What is held without being asked for: nothing that could cost more when all goes wrong."""
_NEVER_UNASKED: Final = re.compile(r"p[0-9]")


@dataclass(frozen=True, slots=True)
class Known:
    """What the plan was made from.

    Args:
        facts: What the account told.
        images: Public parameter, or the image that was named, to the image.
        zones_of: The zones where a choice may be, in their order; a DsEc2Error where there is none.
    """

    facts: Facts
    images: Mapping[str, Image]
    zones_of: Callable[[Choice], tuple[str, ...]]


def attempts_of(plan: UpPlan, known: Known) -> tuple[Attempt, ...]:
    """Return what is tried, in its order; the first is what the plan says.

    Types whose quota is too small, or that have no image, are left out.

    Args:
        plan: The plan, complete but for its attempts.
        known: What it was made from.
    """
    first = Attempt(
        plan.type, plan.zone, plan.market, plan.image, plan.root_gib, plan.price, plan.bill, plan.quota
    )
    if plan.quota and not plan.quota.enough:
        return (first,)
    if plan.offers is None:
        return tuple(_in_zones(plan, first, Choice(plan.type.name), known))
    offers = plan.offers.offers
    chosen = next(index for index, one in enumerate(offers) if _is(one, first))
    ways = [(first, offers[chosen]), *((_other(plan, one, known), one) for one in offers[chosen + 1 :])]
    return tuple(
        attempt
        for way, offer in ways
        if way is not None
        for attempt in _in_zones(plan, way, Choice.of(offer), known)
    )


def _is(offer: Offer, attempt: Attempt) -> bool:
    same = (offer.type.name, offer.market) == (attempt.type.name, attempt.market)
    return same and (offer.market is Market.ON_DEMAND or attempt.zone in offer.zones)


def _other(plan: UpPlan, offer: Offer, known: Known) -> Attempt | None:
    """Return the attempt at another offer, in its first zone; None where it cannot be."""
    if offer.quota and not offer.quota.enough:
        return None
    kind = known.facts.types.get(offer.type.name)
    try:
        image = planning.fitting_image(plan.request, kind, known.images) if kind else None
        if kind is None or image is None:
            return None
        zones = known.zones_of(Choice.of(offer))
        root = planning.root_gib(plan.request, image)
    except DsEc2Error:
        return None
    bill = machine_bill(kind.name, offer.price, root + plan.data_gib, plan.region, offer.market)
    return Attempt(kind, zones[0], offer.market, image, root, offer.price, bill + _network(plan), offer.quota)


def _network(plan: UpPlan) -> Bill:
    """Return the network's share of the plan's bill: what comes after the machine's own lines."""
    own = len(machine_bill(plan.type.name, None, 0, plan.region).lines)
    return Bill(plan.bill.lines[own:])


def _in_zones(plan: UpPlan, attempt: Attempt, choice: Choice, known: Known) -> Iterator[Attempt]:
    """Yield an attempt for each zone, with what is held."""
    held = holds(plan.request, attempt.type, attempt.market, attempt.price)
    usd = hold_usd(attempt.price, ATTEMPT_S) if held else None
    for zone in known.zones_of(choice):
        yield replace(attempt, zone=zone, hold=held, hold_usd=usd)


def holds(request: UpRequest, kind: InstanceType, market: Market, price: Price | None) -> bool:
    """Return whether capacity is held while the stacks are made.

    On the spot market none can be. Unless it was asked for, none is of the P family, or where the worst case
    is dear or not known.
    """
    if market is Market.SPOT or request.hold is False:
        return False
    if request.hold:
        return True
    worst = hold_usd(price, ATTEMPT_S)
    return worst is not None and worst <= HOLD_AT_MOST_USD and not _NEVER_UNASKED.match(kind.name)
