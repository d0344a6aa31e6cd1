"""The bills of a machine and of a network: pure functions over frozen values."""

from __future__ import annotations

from typing import Final

from ds_ec2.bill import rates
from ds_ec2.bill.rates import HOURS_PER_MONTH, Rate
from ds_ec2.model.bill import Bill, BillLine, Price
from ds_ec2.model.defaults import WayOut
from ds_ec2.model.offers import Market

_SOURCES: Final = {
    Market.ON_DEMAND: "https://aws.amazon.com/ec2/pricing/on-demand/",
    Market.SPOT: "https://aws.amazon.com/ec2/spot/pricing/",
}


def machine_bill(
    instance_type: str,
    price: Price | None,
    disk_gib: int,
    region: str,
    market: Market = Market.ON_DEMAND,
) -> Bill:
    """Return what a machine costs: the instance while it runs, its disks always.

    Args:
        instance_type: As EC2 spells it.
        price: Its price of one hour, None where unknown.
        disk_gib: Root and data volumes together.
        region: Where it is.
        market: On which market it is bought.
    """
    instance = BillLine(
        f"instance {instance_type}" + (", spot" if market is Market.SPOT else ""),
        price.usd if price else None,
        0.0,
        _SOURCES[market],
        approximate=price.approximate if price else False,
        at_most=price.at_most if price else False,
    )
    disks = _monthly(f"disks, {disk_gib} GiB gp3", rates.DISK, disk_gib, region)
    return Bill((instance, disks))


def network_bill(way_out: WayOut, zones: int, region: str) -> Bill:
    """Return what a network costs: the way out, which follows the machines only as a NAT instance.

    Args:
        way_out: How machines reach the internet.
        zones: Number of zones (an interface endpoint is billed in each).
        region: Where it is.
    """
    match way_out:
        case WayOut.NAT_INSTANCE:
            return Bill(
                (
                    _while_running("way out, t4g.nano", rates.NAT_INSTANCE, region),
                    _while_running("way out, public IPv4 address", rates.PUBLIC_IPV4, region),
                    _monthly(
                        f"way out, disk {rates.NAT_INSTANCE_DISK_GIB} GiB gp3",
                        rates.DISK,
                        rates.NAT_INSTANCE_DISK_GIB,
                        region,
                    ),
                )
            )
        case WayOut.NAT_GATEWAY:
            return Bill(
                (
                    _always("way out, NAT gateway", rates.NAT_GATEWAY, 1, region),
                    _always("way out, public IPv4 address", rates.PUBLIC_IPV4, 1, region),
                )
            )
        case WayOut.NONE:
            count = rates.ENDPOINTS_WITHOUT_WAY_OUT * zones
            return Bill((_always(f"{count} interface endpoints", rates.ENDPOINT, count, region),))


def hold_usd(price: Price | None, seconds: float) -> float | None:
    """Return the most that capacity costs which is held for some time; None where its price is not known.

    EC2 ends a hold within an hour after its end, should nobody cancel it.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateCapacityReservation.html
    """
    return price.usd * (seconds / 3600 + 1) if price else None


def snapshot_usd_per_month(gib: int) -> float:
    """Return the most that a snapshot of a volume costs: as if every block had been written."""
    return rates.SNAPSHOT.usd * gib


def disks_usd_per_month(gib: int) -> float:
    """Return what gp3 volumes cost, running or not."""
    return rates.DISK.usd * gib


def _monthly(what: str, rate: Rate, units: int, region: str) -> BillLine:
    month = rate.usd * units
    return BillLine(what, month / HOURS_PER_MONTH, month, rate.source, approximate=_elsewhere(region))


def _while_running(what: str, rate: Rate, region: str) -> BillLine:
    return BillLine(what, rate.usd, 0.0, rate.source, approximate=_elsewhere(region))


def _always(what: str, rate: Rate, units: int, region: str) -> BillLine:
    hour = rate.usd * units
    return BillLine(what, hour, hour * HOURS_PER_MONTH, rate.source, approximate=_elsewhere(region))


def _elsewhere(region: str) -> bool:
    return region != rates.HOME_REGION
