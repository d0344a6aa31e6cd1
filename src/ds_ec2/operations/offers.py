"""`offers`: what meets a wish, cheapest first, with its price a day and the account's room for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.bill.costs import machine_bill, network_bill
from ds_ec2.bill.rates import HOME_REGION
from ds_ec2.catalog.select import Selection, select
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.offers import Market, Offer, Offers
from ds_ec2.model.wish_grammar import format_wish
from ds_ec2.model.wishes import AT_LEAST_ONE, SpotPolicy, Wish
from ds_ec2.operations import catalogue
from ds_ec2.operations.disks import usual_root_gib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.quotas import Room
    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.offers import OffersRequest

USUAL_ZONES: Final = 3
"""Of a network, for the price of its way out."""
_MOST_SPOT_TYPES: Final = 40
_SCORED: Final = 10
"""Types that a spot placement score is asked for: the cheapest."""
_LEAST_SCORED: Final = 3
"""Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetSpotPlacementScores.html"""


def offers_offline(region: str, request: OffersRequest, *, local: bool = False) -> Offers:
    """Return the offers as the catalogue knows them; nobody is asked.

    Raises:
        UsageError: The wish names a GPU that does not exist.
        DsEc2Error: Nothing meets the wish, or the catalogue does not know the region.
    """
    return offers_of(catalogue.load(region, local=local), request)


def offers_online(account: Account, request: OffersRequest) -> Offers:
    """Return the offers with the account's quotas and, where spot is wished, the spot prices of now.

    Raises:
        CredentialsError: There are none: `offers_offline` needs none.
        DsEc2Error: As `offers_offline`, or AWS does not answer.
    """
    local = account.endpoint is not None
    found = catalogue.load(account.region, local=local)
    if request.wish.spot is not SpotPolicy.ON_DEMAND:
        names = _names(_select(found, before_prices(request.wish)), _MOST_SPOT_TYPES)
        found = catalogue.with_spot_prices(account, found, names)
    told = offers_of(found, request)
    room = read_room(account, told.offers)
    notes = told.notes if room else (*told.notes, "the account's quotas could not be read")
    told = replace(told, offers=with_quotas(told.offers, room), offline=False, notes=notes)
    return _scored(account, told) if request.scores else told


def before_prices(wish: Wish) -> Wish:
    """Return the wish to choose by until the spot prices of now are known: nothing is too dear yet."""
    return wish if wish.spot is SpotPolicy.ON_DEMAND else replace(wish, max_price=None)


def read_room(account: Account, offers: tuple[Offer, ...]) -> Room | None:
    """Return the account's room for offers; None where the caller may not read quotas.

    Raises:
        CredentialsError: There are none.
    """
    from ds_ec2.aws.errors import CredentialsError
    from ds_ec2.aws.quotas import quota_code

    try:
        return account.quotas.room({quota_code(one.type.name, one.market) for one in offers})
    except CredentialsError:
        raise
    except DsEc2Error:
        return None


def with_quotas(offers: tuple[Offer, ...], room: Room | None) -> tuple[Offer, ...]:
    """Return the offers with their verdicts."""
    if room is None:
        return offers
    return tuple(replace(one, quota=room.verdict(one.type, one.market)) for one in offers)


def offers_of(found: Catalogue, request: OffersRequest) -> Offers:
    """Return the offers that a catalogue has, as `offers_offline`."""
    selected = _select(found, request.wish)
    way_out = network_bill(request.way_out, USUAL_ZONES, found.region)
    offers = tuple(
        replace(
            one,
            bill=machine_bill(
                one.type.name,
                one.price,
                usual_root_gib(one.type) + request.data_gib,
                found.region,
                one.market,
            )
            + way_out,
        )
        for one in selected.offers[: request.limit or None]
    )
    return Offers(
        region=found.region,
        wish=format_wish(request.wish),
        offers=offers,
        total=len(selected.offers),
        unpriced=selected.unpriced,
        priced_on=found.priced_on,
        notes=tuple(_notes(found, selected, request.wish)),
    )


def _select(found: Catalogue, wish: Wish) -> Selection:
    selected = select(found, wish)
    if selected.offers or selected.unpriced:
        return selected
    asked = format_wish(wish)
    loosened = list(_loosened(found, wish))
    raise DsEc2Error(
        f"no instance type in {found.region} meets {asked or 'this'}",
        why="; ".join(loosened) or "another region may sell it",
        hint="ds-ec2 offers --offline with less asked for, or another --region",
    )


def _loosened(found: Catalogue, wish: Wish) -> Iterator[str]:
    """Yield what there would be without one of the wishes each."""
    nothing = Wish()
    for field, option in (
        ("max_price", "--max-price"),
        ("zone", "--zone"),
        ("architecture", "--arch"),
        ("cpus", "--cpus"),
        ("memory_gib", "--memory"),
        ("gpu", "the number of GPUs"),
    ):
        if getattr(wish, field) == getattr(nothing, field):
            continue
        less = replace(wish, **{field: getattr(nothing, field)})
        if wish.gpu and field == "gpu":
            less = replace(wish, gpu=replace(wish.gpu, count=AT_LEAST_ONE))
        if cheapest := select(found, less).offers[:1]:
            yield f"without {option} there is {cheapest[0].type.name} at ${cheapest[0].price.usd:.4g} an hour"


def _notes(found: Catalogue, selected: Selection, wish: Wish) -> Iterator[str]:
    if note := catalogue.age_note(found):
        yield note
    if any(one.price.approximate for one in selected.offers):
        yield borrowed([found.region])
    if any(one.price.at_most for one in selected.offers):
        yield "a spot price that is not known is shown as at most the on-demand price"
    if selected.unpriced:
        yield f"they meet this too, but have no price in the catalogue: {_listed(selected.unpriced)}"
    if cheaper := _cheaper_on_arm(found, selected, wish):
        yield cheaper
    yield from sorted({one.missing for one in selected.offers if one.missing})


def borrowed(regions: Sequence[str]) -> str:
    """Return the sentence on regions whose prices are another region's."""
    if len(regions) == 1:
        return f"prices are those of {HOME_REGION}; its own: ds-ec2 catalog refresh --region {regions[0]}"
    return (
        f"prices with ~ are those of {HOME_REGION}, shown for {len(regions)} regions;"
        " their own: ds-ec2 catalog refresh --all-regions"
    )


def _cheaper_on_arm(found: Catalogue, selected: Selection, wish: Wish) -> str:
    if wish.architecture or wish.types or not selected.offers:
        return ""
    on_arm = select(found, replace(wish, architecture="arm64")).offers[:1]
    if not on_arm or on_arm[0].price.usd >= selected.offers[0].price.usd:
        return ""
    return f"cheaper where your packages run on ARM: {on_arm[0].type.name}, --arch arm64"


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _names(selected: Selection, most: int) -> list[str]:
    return list(dict.fromkeys(one.type.name for one in selected.offers))[:most]


def _scored(account: Account, told: Offers) -> Offers:
    spot = [one for one in told.offers if one.market is Market.SPOT]
    names = list(dict.fromkeys(one.type.name for one in spot))[:_SCORED]
    if len(names) < _LEAST_SCORED:
        lack = f"a spot placement score needs {_LEAST_SCORED} types with --spot or --spot-policy auto"
        return replace(told, notes=(*told.notes, lack))
    zones = account.instance_types.zone_names()
    scores = account.instance_types.placement_scores(names, account.region)
    named = sorted(
        ((zones.get(zone, zone), score) for zone, score in scores.items()), key=lambda z: (-z[1], z[0])
    )
    return replace(told, scores=tuple(named))
