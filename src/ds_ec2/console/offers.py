"""Offers as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ds_ec2.console.resources import resources
from ds_ec2.console.table import table
from ds_ec2.model.offers import Market

if TYPE_CHECKING:
    from ds_ec2.model.bill import Price
    from ds_ec2.model.offers import Offer, Offers
    from ds_ec2.model.plans import Quota

_COLUMNS: Final = ("#", "REGION", "ZONE", "INSTANCE", "RESOURCES", "SPOT", "$/HOUR", "$/DAY", "QUOTA")
_NUMBERS: Final = frozenset({"#", "$/HOUR", "$/DAY"})


def offers_table(offers: Offers, more: str = "--all") -> str:
    """Return a line an offer, how many there are, and what is worth knowing.

    Args:
        offers: Those that are shown.
        more: What shows all.
    """
    rows = [_row(number, one) for number, one in enumerate(offers.offers, 1)]
    rest = f": {more} shows all" if len(rows) < offers.total else ""
    scores = ", ".join(f"{zone} {score}" for zone, score in offers.scores)
    lines = [
        table(_COLUMNS, rows, right=_NUMBERS) if rows else "No offer has a known price.",
        f"Shown {len(rows)} of {offers.total}{rest}. {origin(offers)}",
        f"Spot placement score, 10 is likely: {scores}" if scores else "",
        *(f"  note: {note}" for note in offers.notes),
    ]
    return "\n".join(line for line in lines if line)


def names(offers: Offers) -> str:
    """Return the names of the types, one a line, each once."""
    return "\n".join(dict.fromkeys(one.type.name for one in offers.offers))


def origin(offers: Offers) -> str:
    """Return where the figures are from."""
    if offers.offline:
        return f"Offline: from the catalogue of {offers.priced_on}; quotas and capacity were not asked."
    return "Sold in these zones; whether a machine is free there EC2 says when it is started."


def _row(number: int, offer: Offer) -> list[str]:
    day = offer.usd_per_day
    return [
        str(number),
        offer.region,
        " ".join(zone.removeprefix(offer.region) for zone in offer.zones),
        offer.type.name,
        resources(offer.type),
        "yes" if offer.market is Market.SPOT else "no",
        _price(offer.price),
        "-" if day is None else f"{_mark(offer.price)}{day:.2f}",
        _quota(offer.quota),
    ]


def _price(price: Price) -> str:
    return f"{_mark(price)}{price.usd:.4f}"


def _mark(price: Price) -> str:
    """Return what stands before a figure that is not the very price: `<` at most, `~` about."""
    return f"{'<' if price.at_most else ''}{'~' if price.approximate else ''}"


def _quota(quota: Quota | None) -> str:
    if quota is None:
        return "not asked"
    if quota.limit is None:
        return "not known"
    free = max(0, quota.limit - quota.used)
    return "enough" if quota.enough else f"too small: {free:g} free, {quota.needed} needed"
