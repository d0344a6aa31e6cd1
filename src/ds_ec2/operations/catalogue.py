"""The newest catalogue of a region, and how old it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ds_ec2.catalog.catalogue import STALE_DAYS
from ds_ec2.catalog.refreshed import catalogue
from ds_ec2.config.paths import catalogue_dir
from ds_ec2.errors import DsEc2Error

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.catalog.catalogue import Catalogue


def load(region: str, *, local: bool = False) -> Catalogue:
    """Return the newest catalogue of a region.

    Raises:
        DsEc2Error: None knows the region.
    """
    found = catalogue(region, catalogue_dir(local=local))
    if found.zones:
        return found
    raise DsEc2Error(
        f"the catalogue does not know the region {region}",
        hint=f"ds-ec2 catalog refresh --region {region}",
    )


def age_days(found: Catalogue) -> int:
    """Return the age of a catalogue's prices today."""
    return found.age_days(datetime.now(UTC).date())


def age_note(found: Catalogue) -> str:
    """Return a sentence on the prices' age, empty while it does not matter."""
    age = age_days(found)
    if age <= STALE_DAYS:
        return ""
    return f"prices are of {found.priced_on}, {age} days old; renew them: ds-ec2 catalog refresh"


def with_spot_prices(account: Account, found: Catalogue, names: list[str]) -> Catalogue:
    """Return the catalogue with the spot prices of now for these types."""
    return replace(found, spot={**found.spot, **account.instance_types.spot_prices(names)})
