"""What machines and the network have cost so far, from what the account itself keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ds_ec2.bill import rates
from ds_ec2.bill.costs import disks_usd_per_month
from ds_ec2.bill.ledger import read_ledger
from ds_ec2.bill.spent import spent
from ds_ec2.catalog.refreshed import price_of, read
from ds_ec2.config.paths import catalogue_dir
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.bill import Price
from ds_ec2.model.names import TAG_NAME, TAG_OWNER, TAG_PART, TAG_SPENT
from ds_ec2.model.spent import Disk, Kind, Life, Run
from ds_ec2.operations.machines import Inventory, inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.ec2 import Instance, Volume
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.spent import Spent

_UP: Final = frozenset({"pending", "running"})


@dataclass(frozen=True, slots=True)
class Records:
    """All that the account keeps of times and sizes; `volumes` None where they may not be read."""

    inventory: Inventory
    volumes: tuple[Volume, ...] | None

    def instance(self, instance_id: str) -> Instance | None:
        """Return an instance that has not ended."""
        return next((one for one in self.inventory.instances if one.id == instance_id), None)


def read_records(account: Account) -> Records:
    """Read stacks, instances and volumes that carry our tags: three calls at once."""
    with ThreadPoolExecutor(2) as pool:
        volumes = pool.submit(read_volumes, account)
        return Records(inventory(account), volumes.result())


def read_volumes(account: Account) -> tuple[Volume, ...] | None:
    """Return the volumes that carry our tags; None for whoever may not read them."""
    try:
        return account.ec2.volumes({"tag-key": [TAG_PART]})
    except DsEc2Error:
        return None


def with_spent(
    account: Account, machine: Machine, instance: Instance | None, volumes: Sequence[Volume] | None
) -> Machine:
    """Return a machine with what it has cost so far, and with the size of all its disks.

    Args:
        account: Whose own prices are used where it has any; nothing is asked.
        machine: The machine; its price of now is taken for all runs of its type and market.
        instance: As EC2 tells it.
        volumes: Those that carry our tags; None takes sizes and ages of the stacks.
    """
    gib, disks = machine.disk_gib, tuple[Disk, ...]()
    if volumes is not None:
        own = _volumes_of(machine, volumes)
        gib = sum(one.gib for one in own) or gib
        disks = tuple(Disk(one.gib, one.made_at) for one in own if one.made_at)
    elif gib and machine.created_at:
        disks = (Disk(gib, machine.created_at),)
    value = _spent(instance, disks, _prices(account, machine, instance))
    month = disks_usd_per_month(gib) if gib else None
    return replace(machine, disk_gib=gib, usd_per_month_stopped=month, spent=value)


def way_out_spent(
    account: Account, way_out: Instance | None, volumes: Sequence[Volume] | None
) -> Spent | None:
    """Return what a network's NAT instance has cost so far, with its address and its disk."""
    if way_out is None or volumes is None:
        return None
    own = (one for one in volumes if way_out.id in one.instances)
    disks = tuple(Disk(one.gib, one.made_at) for one in own if one.made_at)

    def price(kind: Kind) -> Price | None:
        found = _price_of(account, kind)
        return replace(found, usd=found.usd + rates.PUBLIC_IPV4.usd) if found else None

    return _spent(way_out, disks, price)


def _spent(
    instance: Instance | None, disks: tuple[Disk, ...], price: Callable[[Kind], Price | None]
) -> Spent:
    life = Life()
    if instance and instance.launched_at:
        running = instance.state in _UP
        last = Run(Kind(instance.type, instance.spot), instance.launched_at, instance.stopped_at)
        ledger = read_ledger(instance.tags.get(TAG_SPENT, ""))
        life = Life(ledger, last, running, instance.made_at)
    return spent(life, disks, price, datetime.now(UTC))


def _price_of(account: Account, kind: Kind) -> Price | None:
    own = read(account.region, catalogue_dir(local=account.endpoint is not None))
    return price_of(kind.instance_type, None, account.region, own)


def _volumes_of(machine: Machine, volumes: Sequence[Volume]) -> tuple[Volume, ...]:
    identity = (machine.owner, machine.name)
    return tuple(
        one
        for one in volumes
        if (machine.instance_id and machine.instance_id in one.instances)
        or (one.tags.get(TAG_OWNER), one.tags.get(TAG_NAME)) == identity
    )


def _prices(account: Account, machine: Machine, instance: Instance | None) -> Callable[[Kind], Price | None]:
    own = Kind(machine.instance_type, spot=bool(instance and instance.spot))

    def price(kind: Kind) -> Price | None:
        if kind == own:
            return Price(machine.usd_per_hour, at_most=machine.usd_at_most) if machine.usd_per_hour else None
        found = _price_of(account, kind)
        return replace(found, at_most=kind.spot) if found else None

    return price
