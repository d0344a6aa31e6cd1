"""Which machine `up` takes: the type that was named, or the cheapest offer that fits the account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ds_ec2.catalog.refreshed import catalogue
from ds_ec2.config.paths import catalogue_dir
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.offers import Market
from ds_ec2.operations.offers import with_quotas

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.aws.account import Account
    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.bill import Price
    from ds_ec2.model.offers import Offer, Offers
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.facts import Facts


@dataclass(frozen=True, slots=True)
class Choice:
    """The machine that is taken.

    Args:
        name: Its instance type.
        market: Where it is bought.
        zones: A spot price is that of these zones; None for any that sells the type.
        price: A spot machine's; None on demand: the catalogue knows it.
    """

    name: str
    market: Market = Market.ON_DEMAND
    zones: tuple[str, ...] | None = None
    price: Price | None = None

    @classmethod
    def of(cls, offer: Offer) -> Choice:
        """Return the choice of an offer."""
        spot = offer.market is Market.SPOT
        return cls(
            offer.type.name, offer.market, offer.zones if spot else None, offer.price if spot else None
        )


def region_catalogue(account: Account) -> Catalogue:
    """Return what is known of the account's region; nothing, where it is not known."""
    return catalogue(account.region, catalogue_dir(local=account.endpoint is not None))


def choose(
    offers: Offers | None, request: UpRequest, facts: Facts, zones_of: Callable[[Choice], tuple[str, ...]]
) -> tuple[Choice, Offers | None]:
    """Return what is taken, and the offers with the account's verdicts.

    The cheapest offer that has a zone and whose quota is enough; where no quota is, the cheapest with a zone.

    Args:
        offers: Those of the wish; None takes the type that was named.
        request: What was asked.
        facts: What the account told.
        zones_of: The zones that a choice may be in.

    Raises:
        DsEc2Error: None of them can be in any zone: why the cheapest cannot.
    """
    if offers is None:
        return Choice(request.instance_type), None
    judged = replace(offers, offers=with_quotas(offers.offers, facts.room), offline=False)
    placed = []
    failure: DsEc2Error | None = None
    for offer in judged.offers:
        try:
            zones_of(Choice.of(offer))
        except DsEc2Error as error:
            failure = failure or error
            continue
        placed.append(offer)
    if not placed and failure:
        raise failure
    fitting = [offer for offer in placed if offer.quota is None or offer.quota.enough]
    return Choice.of((fitting or placed)[0]), judged


def check_sold(account: Account, name: str, facts: Facts, found: Catalogue) -> None:
    """Check that the region has a type.

    Raises:
        UsageError: There is none of that name, or not in this region; near names are given.
    """
    if name not in facts.types or not facts.sellers.get(name):
        from ds_ec2.operations.facts import not_sold  # plans without an account need nothing of it

        raise not_sold(account, name, found)
