"""`catalog show|refresh`: what is known of types and prices, and how it is renewed from the account."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ds_ec2.catalog.catalogue import Catalogue
from ds_ec2.catalog.refreshed import path_of, write
from ds_ec2.catalog.rows import to_row
from ds_ec2.config.paths import catalogue_dir
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.catalogue import CatalogueFacts
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.catalogue import age_days, load

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account

_AT_ONCE: Final = 4
"""Regions read at the same time; each makes four chains of calls."""


def show(region: str, *, local: bool = False) -> CatalogueFacts:
    """Return what is known of a region's catalogue."""
    found = load(region, local=local)
    kinds = list(found.types())
    prices = [price for kind in kinds if (price := found.price(kind))]
    exact = sum(1 for price in prices if not price.approximate)
    return CatalogueFacts(
        region=region,
        priced_on=found.priced_on,
        age_days=age_days(found),
        source=found.source,
        refreshed=found.refreshed,
        file=str(path_of(region, catalogue_dir(local=local))) if found.refreshed else "",
        types=len(kinds),
        gpu_types=sum(1 for kind in kinds if kind.nvidia),
        zones=found.all_zones(),
        priced=exact,
        approximate=len(prices) - exact,
        spot=len(found.spot),
    )


def refresh(account: Account, *, every_region: bool) -> Generator[Step, None, tuple[CatalogueFacts, ...]]:
    """Read types, offerings, prices and spot prices of the account's region, or of all that are on.

    Steps: one a region. One that fails is told and holds up no other; what was known of it stays.

    Raises:
        DsEc2Error: No region could be read.
    """
    regions = account.ec2.regions() if every_region else (account.region,)
    local = account.endpoint is not None
    failures: list[DsEc2Error] = []
    read: list[str] = []
    for region in regions:
        yield Step(region, region, StepState.RUNNING)
    begun = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        reading = {pool.submit(_read, account.elsewhere(region)): region for region in regions}
        for done in as_completed(reading):
            region, elapsed = reading[done], time.monotonic() - begun
            try:
                found = done.result()
            except DsEc2Error as error:
                failures.append(error)
                yield Step(region, region, StepState.FAILED, f"{error.what}: {error.why}", elapsed)
                continue
            write(found, catalogue_dir(local=local))
            read.append(region)
            yield Step(region, region, StepState.DONE, f"{len(found.zones)} types", elapsed)
    if not read:
        raise failures[0]
    return tuple(show(region, local=local) for region in sorted(read))


def _read(account: Account) -> Catalogue:
    """Ask one region everything at once; the four chains of pages wait for nobody."""
    with ThreadPoolExecutor(4) as pool:
        types = pool.submit(account.instance_types.describe)
        zones = pool.submit(account.instance_types.zones)
        prices = pool.submit(account.price_lists.on_demand, account.region)
        spot = pool.submit(account.instance_types.spot_prices)
    rows = {kind.name: to_row(kind) for kind in types.result()}
    return Catalogue(
        region=account.region,
        priced_on=datetime.now(UTC).date().isoformat(),
        source="the account: DescribeInstanceTypes, its offerings, GetProducts, DescribeSpotPriceHistory",
        rows=rows,
        zones={name: sold for name, sold in zones.result().items() if name in rows},
        usd=prices.result(),
        spot=spot.result(),
        refreshed=True,
    )
