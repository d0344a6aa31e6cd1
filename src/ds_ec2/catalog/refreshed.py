"""The user's own catalogue: what `ds-ec2 catalog refresh` read from the account, one file a region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.catalog.catalogue import Catalogue
from ds_ec2.catalog.embedded import embedded
from ds_ec2.catalog.prices import snapshot, usd_per_hour
from ds_ec2.model.bill import Price

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT: Final = 1


def catalogue(region: str, folder: Path) -> Catalogue:
    """Return what is known of a region: the newer of the user's file and of what comes with ds-ec2."""
    own = read(region, folder)
    shipped = embedded(region)
    return own if own and own.priced_on >= shipped.priced_on else shipped


def read(region: str, folder: Path) -> Catalogue | None:
    """Return the user's file of a region; None where there is none, or one that cannot be read."""
    try:
        text = path_of(region, folder).read_text(encoding="utf-8")
        document: dict[str, Any] = json.loads(text)
        if document["format"] != _FORMAT:
            return None
        return Catalogue(
            region=region,
            priced_on=document["date"],
            source=document["source"],
            rows={row[0]: row for row in document["types"]},
            zones={name: tuple(zones) for name, zones in document["zones"].items()},
            usd=document["usd"],
            spot=document["spot"],
            refreshed=True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def price_of(instance_type: str, vcpus: int | None, region: str, own: Catalogue | None) -> Price | None:
    """Return the on-demand price of an hour: the user's own figure, else the embedded one; None if unknown.

    It is quicker than a whole catalogue: of what comes with ds-ec2 only the prices are read.

    Args:
        instance_type: As EC2 spells it.
        vcpus: Its number of virtual CPUs, where it is known.
        region: The region.
        own: What `read` returned for it.
    """
    if own and own.usd and own.priced_on >= snapshot().date and (usd := own.usd.get(instance_type)):
        return Price(usd)
    return usd_per_hour(instance_type, vcpus, region)


def write(found: Catalogue, folder: Path) -> Path:
    """Keep a catalogue, in one rename, and return where."""
    path = path_of(found.region, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "format": _FORMAT,
        "date": found.priced_on,
        "source": found.source,
        "types": list(found.rows.values()),
        "zones": found.zones,
        "usd": found.usd,
        "spot": found.spot,
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    fresh.replace(path)
    return path


def path_of(region: str, folder: Path) -> Path:
    """Return the file of a region."""
    return folder / f"{region}.json"
