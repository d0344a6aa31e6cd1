"""`offers` in several regions: one table, cheapest first, and each note once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.operations.offers import borrowed, offers_offline, offers_online

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ds_ec2.aws.account import Account
    from ds_ec2.model.offers import Offers, OffersRequest

_AT_ONCE: Final = 6
_MOST_NAMED: Final = 3


def every_region() -> tuple[str, ...]:
    """Return the regions that the catalogue knows."""
    from ds_ec2.catalog.embedded import regions

    return regions()


def offline_in(regions: Sequence[str], request: OffersRequest, *, local: bool = False) -> Offers:
    """Return the offers of several regions as the catalogue knows them; nobody is asked.

    Raises:
        UsageError: The wish names a GPU that does not exist.
        DsEc2Error: Nothing meets the wish in any of them.
    """
    found = {one: _asked(one, lambda region: offers_offline(region, request, local=local)) for one in regions}
    return _together(found, request)


def online_in(account: Account, regions: Sequence[str], request: OffersRequest) -> Offers:
    """Return the offers of several regions with the account's quotas in each, asked at the same time.

    Raises:
        CredentialsError: There are none.
        DsEc2Error: Nothing meets the wish in any of them.
    """
    # Only here: what is asked offline is to be quick.
    from concurrent.futures import ThreadPoolExecutor

    from ds_ec2.aws.errors import CredentialsError

    def ask(region: str) -> Offers | DsEc2Error:
        return _asked(region, lambda one: offers_online(account.elsewhere(one), request), CredentialsError)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return _together(dict(zip(regions, pool.map(ask, regions), strict=True)), request)


def _asked(
    region: str, ask: Callable[[str], Offers], told: type[DsEc2Error] = UsageError
) -> Offers | DsEc2Error:
    """Return a region's offers, or why it has none; wrong requests, and errors of the class `told`, go on."""
    try:
        return ask(region)
    except DsEc2Error as error:
        if isinstance(error, UsageError | told):
            raise
        return error


def _together(found: Mapping[str, Offers | DsEc2Error], request: OffersRequest) -> Offers:
    there = [one for one in found.values() if not isinstance(one, DsEc2Error)]
    without = {region: one for region, one in found.items() if isinstance(one, DsEc2Error)}
    if not there:
        raise next(iter(without.values()))
    if len(found) == 1:
        return there[0]
    # At the same figure, one that is known comes before one that is another region's.
    offers = sorted(
        (offer for one in there for offer in one.offers),
        key=lambda offer: (offer.price.usd, offer.price.approximate),
    )
    guessed = [one.region for one in there if borrowed([one.region]) in one.notes]
    notes = dict.fromkeys(note for one in there for note in one.notes if note != borrowed([one.region]))
    return replace(
        there[0],
        region=", ".join(one.region for one in there),
        offers=tuple(offers[: request.limit or None]),
        total=sum(one.total for one in there),
        unpriced=tuple(sorted({name for one in there for name in one.unpriced})),
        priced_on=min(one.priced_on for one in there),
        scores=tuple(sorted((score for one in there for score in one.scores), key=lambda s: (-s[1], s[0]))),
        notes=tuple(filter(None, [*notes, borrowed(guessed) if guessed else "", _nothing(list(without))])),
    )


def _nothing(regions: Sequence[str]) -> str:
    """Return the sentence on regions that have nothing to offer; empty where there is none."""
    if len(regions) > _MOST_NAMED:
        return f"{len(regions)} regions have nothing that meets it"
    return f"nothing meets it in {', '.join(regions)}" if regions else ""
