"""The offers that `up` chooses from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.offers import Offers, OffersRequest
from ds_ec2.model.wishes import SpotPolicy
from ds_ec2.operations import catalogue
from ds_ec2.operations.offers import before_prices, offers_of

if TYPE_CHECKING:
    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.facts import Facts

_MOST_OFFERS: Final = {SpotPolicy.ON_DEMAND: 12, SpotPolicy.SPOT: 40, SpotPolicy.AUTO: 80}
"""The cheapest, whose types the account is asked about: a spot price of now may turn their order round."""


def wished_offers(region: str, request: UpRequest, *, local: bool = False) -> Offers | None:
    """Return the offers that the catalogue has for the request's wish; None where a type was named.

    Raises:
        UsageError: The wish is for a GPU that does not exist.
        DsEc2Error: Nothing meets it.
    """
    return _offers(catalogue.load(region, local=local), request) if request.wish else None


def candidates(region: str, request: UpRequest, *, local: bool = False) -> tuple[str, ...]:
    """Return the names of the types that the machine may be of, cheapest first.

    Raises:
        DsEc2Error: As `wished_offers`.
    """
    if request.wish is None:
        return (request.instance_type,)
    asked = replace(request, wish=before_prices(request.wish))
    spot = request.wish.spot is not SpotPolicy.ON_DEMAND
    found = _offers(catalogue.load(region, local=local), asked, priced=not spot)
    # What has no price in the catalogue may have one on the spot market now.
    names = (*(one.type.name for one in found.offers), *(found.unpriced if spot else ()))
    return tuple(dict.fromkeys(names))[: _MOST_OFFERS[request.wish.spot]]


def offers_of_now(found: Catalogue, request: UpRequest, facts: Facts) -> Offers | None:
    """Return the offers with the spot prices that the account told; None where a type was named.

    Raises:
        DsEc2Error: Nothing meets the wish at these prices.
    """
    if request.wish is None:
        return None
    told = _offers(replace(found, spot={**found.spot, **(facts.spot or {})}), request)
    kept = tuple(one for one in told.offers if one.type.name in facts.candidates)
    return replace(told, offers=kept)


def _offers(found: Catalogue, request: UpRequest, *, priced: bool = True) -> Offers:
    """Return the offers that meet a request's wish; where they must be `priced`, one at least."""
    if request.wish is None:
        raise ValueError("nothing is wished")
    wish = replace(request.wish, zone=request.zone or request.wish.zone)
    most = _MOST_OFFERS[wish.spot]
    told = offers_of(found, OffersRequest(wish, request.data_gib, request.way_out, limit=most))
    if priced and not told.offers:
        raise DsEc2Error(
            f"what meets {told.wish} has no known price",
            why=f"these do: {', '.join(told.unpriced)}",
            hint=f"ds-ec2 catalog refresh --region {found.region} (or --instance-type {told.unpriced[0]})",
        )
    return told
