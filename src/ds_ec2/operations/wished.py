"""The offers that `up` chooses from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.offers import OffersRequest
from ds_ec2.model.wishes import SpotPolicy
from ds_ec2.operations.offers import offers_offline

if TYPE_CHECKING:
    from ds_ec2.model.offers import Offers
    from ds_ec2.model.requests import UpRequest

MOST_CANDIDATES: Final = 12
"""Types that the account is asked about: the cheapest."""


def wished_offers(region: str, request: UpRequest, *, local: bool = False) -> Offers | None:
    """Return the offers that the catalogue has for the request's wish; None where a type was named.

    Raises:
        UsageError: The wish is for the spot market, or for a GPU that does not exist.
        DsEc2Error: Nothing meets it.
    """
    if request.wish is None:
        return None
    if request.wish.spot is SpotPolicy.SPOT:
        raise UsageError(
            "up cannot make a machine on the spot market yet",
            why="its stacks are for machines on demand",
            hint=f"ds-ec2 up {request.name} with --on-demand; ds-ec2 offers --spot shows the prices",
        )
    wish = replace(request.wish, spot=SpotPolicy.ON_DEMAND, zone=request.zone or request.wish.zone)
    found = offers_offline(
        region, OffersRequest(wish, request.data_gib, request.way_out, limit=MOST_CANDIDATES), local=local
    )
    if not found.offers:
        raise DsEc2Error(
            f"what meets {found.wish} has no known price",
            why=f"these do: {', '.join(found.unpriced)}",
            hint=f"ds-ec2 catalog refresh --region {region} (or --instance-type {found.unpriced[0]})",
        )
    return found


def market_note(request: UpRequest) -> str:
    """Return a sentence where either market was wished, empty elsewhere."""
    if request.wish is None or request.wish.spot is not SpotPolicy.AUTO:
        return ""
    return "this is on demand: machines on the spot market can be priced, and not made yet"
