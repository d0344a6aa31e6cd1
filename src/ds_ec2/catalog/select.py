"""From a catalogue and a wish to ordered offers: pure, so that the same wish gives the same machine.

What a type must have and what is only preferred are told apart. A preference gives way where nothing would be
left. The order is by price alone; see docs/explanation/offers.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ds_ec2.catalog import gpus
from ds_ec2.errors import UsageError
from ds_ec2.model.bill import Price
from ds_ec2.model.instances import AcceleratorKind
from ds_ec2.model.offers import Market, Offer
from ds_ec2.model.wishes import Range, SpotPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.instances import Accelerator, InstanceType
    from ds_ec2.model.wishes import GpuWish, Wish

    _Priced = tuple[InstanceType, list[Offer]]

RUNNABLE: Final = frozenset({"x86_64", "arm64"})
"""Architectures that there are images for."""
_ANY: Final = Range()
_ENOUGH: Final = Range(4)
"""GiB, where nothing is said of memory: JupyterLab and a few packages do not fit into less."""
_MIB_PER_GB: Final = 1e9 / 2**20
_ROUNDING: Final = 0.99
"""AWS rounds: the 24 GB of an L4 are told as 22,888 MiB, a little less than 24 x 10^9 bytes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What meets a wish: offers with a price, cheapest first, and the names of types without one."""

    offers: tuple[Offer, ...]
    unpriced: tuple[str, ...] = ()


def select(catalogue: Catalogue, wish: Wish) -> Selection:
    """Return the offers that meet a wish, cheapest first.

    Raises:
        UsageError: There is no such GPU or type; the nearest names are told.
    """
    _check_types(catalogue, wish.types)
    if wish.gpu and wish.gpu.names:
        gpus.check_names(wish.gpu.names, list(catalogue.accelerators()))
    known = catalogue.types(accelerated=wish.gpu is not None)
    fitting = [kind for kind in known if meets(kind, wish) and _sold(catalogue, kind, wish)]
    priced = [(kind, list(_offers(catalogue, kind, wish))) for kind in fitting]
    if wish.max_price is not None:
        priced = [(kind, _affordable(offers, wish.max_price)) for kind, offers in priced]
        priced = [(kind, offers) for kind, offers in priced if offers]
    kept = _preferred(priced, wish)
    found = sorted((offer for _, offers in kept for offer in offers), key=_order)
    return Selection(tuple(found), tuple(sorted(kind.name for kind, offers in kept if not offers)))


def _check_types(catalogue: Catalogue, names: tuple[str, ...]) -> None:
    for name in names:
        if catalogue.type(name) is None:
            near = catalogue.near(name)
            raise UsageError(
                f"there is no instance type {name!r}",
                why=f"near are {', '.join(near)}" if near else "",
                hint=f"ds-ec2 offers --instance-type {near[0]}" if near else "ds-ec2 offers --cpus 4+",
            )


def meets(kind: InstanceType, wish: Wish) -> bool:
    """Whether a type has everything that was asked for, and ds-ec2 can run it or it was named."""
    if wish.types and kind.name not in wish.types:
        return False
    architectures = {wish.architecture} if wish.architecture else RUNNABLE
    named = bool(wish.types) and not wish.architecture
    if not named and not architectures & set(kind.architectures):
        return False
    return (
        _holds(wish.cpus, kind.vcpus)
        and (wish.memory_gib or (_ANY if wish.types else _ENOUGH)).holds(kind.memory_mib / 1024)
        and _has_accelerators(kind, wish)
    )


def missing(kind: InstanceType) -> str:
    """Return what ds-ec2 does not have for a type; empty where it has everything."""
    if not RUNNABLE & set(kind.architectures):
        return f"no image for {', '.join(kind.architectures)}: --image"
    if kind.neuron:
        return "torch-neuronx is not in the default packages: --packages"
    for device in kind.accelerators:
        if not (device.kind is AcceleratorKind.GPU and device.maker == "NVIDIA"):
            return f"no image with {device.maker}'s driver: --image"
    return ""


def _holds(limits: Range | None, value: float) -> bool:
    return limits is None or limits.holds(value)


def _has_accelerators(kind: InstanceType, wish: Wish) -> bool:
    if wish.gpu is None:
        return bool(wish.types) or all(one.kind is AcceleratorKind.GPU for one in kind.accelerators)
    return any(_is_wanted(device, wish.gpu) for device in kind.accelerators)


def _is_wanted(device: Accelerator, wish: GpuWish) -> bool:
    """Whether devices are what was asked for; without a name only NVIDIA's are meant."""
    names = [gpus.wanted(name) for name in wish.names] or ["nvidia"]
    if not gpus.is_named(device, names) or not _has_memory(device, wish.memory_gb):
        return False
    # Whoever asks for an L4 by name means a whole one; who asks for 2 GB takes a slice that has them.
    return wish.count.holds(device.total if wish.names else device.devices)


def _has_memory(device: Accelerator, wanted: Range | None) -> bool:
    """Whether each device has the memory: makers' gigabytes lie between 10^9 and 2^30 bytes."""
    if wanted is None:
        return True
    least = (wanted.low or 0) * _MIB_PER_GB * _ROUNDING
    return device.memory_mib >= least and (wanted.high is None or device.memory_mib <= wanted.high * 1024)


def _sold(catalogue: Catalogue, kind: InstanceType, wish: Wish) -> bool:
    if wish.spot is SpotPolicy.SPOT and not kind.spot:
        return False
    return not wish.zone or wish.zone in catalogue.zones[kind.name]


def _offers(catalogue: Catalogue, kind: InstanceType, wish: Wish) -> Iterator[Offer]:
    """Yield the offers of a type that have a price: one on demand, one a zone on the spot market."""
    zones = tuple(zone for zone in catalogue.zones[kind.name] if wish.zone in {"", zone})
    lack = missing(kind)
    price = catalogue.price(kind)
    if wish.spot is not SpotPolicy.SPOT and price:
        yield Offer(catalogue.region, zones, kind, Market.ON_DEMAND, price, lack)
    if wish.spot is SpotPolicy.ON_DEMAND or not kind.spot:
        return
    seen = catalogue.spot.get(kind.name, {})
    for zone in zones:
        if zone in seen:
            yield Offer(catalogue.region, (zone,), kind, Market.SPOT, Price(seen[zone]), lack)
    unseen = tuple(zone for zone in zones if zone not in seen)
    if unseen and price:
        # A spot price that is not known is never more than the on-demand price.
        # Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html
        at_most = Price(price.usd, price.approximate, at_most=True)
        yield Offer(catalogue.region, unseen, kind, Market.SPOT, at_most, lack)


def _affordable(offers: list[Offer], most: float) -> list[Offer]:
    return [offer for offer in offers if offer.price.usd <= most]


def _order(offer: Offer) -> tuple[float, bool, int, str, tuple[str, ...]]:
    """By price; at the same price what is surely had first, then the one with more memory, then by name."""
    return (
        offer.price.usd,
        offer.market is Market.SPOT,
        -offer.type.memory_mib,
        offer.type.name,
        offer.zones,
    )


def _preferred(priced: list[_Priced], wish: Wish) -> list[_Priced]:
    """Return what is left when each preference is applied that leaves an offer."""
    if wish.types:
        return priced
    for prefer in _preferences(wish):
        kept = [(kind, offers) for kind, offers in priced if prefer(kind)]
        priced = kept if any(offers for _, offers in kept) else priced
    return priced


def _preferences(wish: Wish) -> Iterator[Callable[[InstanceType], bool]]:
    if wish.gpu is None:
        yield lambda kind: not kind.accelerators
        # AWS calls G5 previous, and sells it where newer GPUs are sold out: GPUs are not judged by age.
        yield lambda kind: kind.current
    yield lambda kind: not kind.bare_metal
    # Credits beyond the baseline cost extra: the price of a T type says little of steady work.
    yield lambda kind: not kind.burstable
    if not wish.architecture:
        yield lambda kind: "x86_64" in kind.architectures
