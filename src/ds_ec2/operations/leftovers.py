"""What is left of a machine, looked up by its tags in every service that can hold something of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ds_ec2.aws.ec2 import by_tags
from ds_ec2.aws.errors import NoSuchThingError
from ds_ec2.aws.spot_requests import LIVING
from ds_ec2.bill.costs import disks_usd_per_month, snapshot_usd_per_month
from ds_ec2.model.names import SSM_ROOT, TAG_KEPT, TAG_NAME, TAG_OWNER, TAG_PART, machine_stack
from ds_ec2.model.plans import Leftover
from ds_ec2.operations.holds import left_held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2.aws.account import Account
    from ds_ec2.operations.machines import Inventory


def look(account: Account, owner: str, name: str, meant: frozenset[str]) -> tuple[Leftover, ...]:
    """Return everything that still carries a machine's tags.

    Args:
        account: Where.
        owner: The machine's owner.
        name: The machine's name.
        meant: Ids of snapshots that are to stay, besides those that an earlier `down` kept.
    """
    tags = {TAG_OWNER: owner, TAG_NAME: name}
    mine = by_tags(tags)
    path = f"{SSM_ROOT}/{machine_stack(owner, name)}"
    with ThreadPoolExecutor(9) as pool:
        stacks = pool.submit(account.stacks.tagged)
        instances = pool.submit(account.ec2.instances, mine)
        volumes = pool.submit(account.ec2.volumes, mine)
        interfaces = pool.submit(account.ec2.interfaces, mine)
        parameters = pool.submit(account.parameters.names, path)
        snapshots = pool.submit(account.ec2.snapshots, mine)
        holds = pool.submit(left_held, account, owner, name)
        requests = pool.submit(account.spot_requests.find, mine | {"state": list(LIVING)})
        kept = pool.submit(account.ec2.snapshots, mine | {"tag-key": [TAG_KEPT]})
    meant |= {snapshot.id for snapshot in kept.result()}
    return (
        *(Leftover("stack", stack.name) for stack in stacks.result() if tags.items() <= stack.tags.items()),
        *(Leftover("spot request", request.id) for request in requests.result()),
        *(Leftover("instance", instance.id) for instance in instances.result()),
        *(
            Leftover("volume", volume.id, disks_usd_per_month(volume.gib))
            for volume in volumes.result()
            if volume.state != "deleting"
        ),
        *(Leftover("network interface", interface) for interface in interfaces.result()),
        *(Leftover("capacity reservation", hold.id) for hold in holds.result()),
        *(Leftover("parameter", parameter) for parameter in parameters.result()),
        *(
            Leftover(
                "snapshot",
                snapshot.id,
                snapshot_usd_per_month(snapshot.gib),
                meant=snapshot.id in meant,
            )
            for snapshot in snapshots.result()
        ),
    )


def forgotten(account: Account, found: Inventory) -> tuple[Leftover, ...]:
    """Return what has ds-ec2's tags in the region and belongs to no stack, and snapshots that were kept."""
    with ThreadPoolExecutor(2) as pool:
        volumes = pool.submit(account.ec2.volumes, {"tag-key": [TAG_PART]})
        snapshots = pool.submit(account.ec2.snapshots, {"tag-key": [TAG_NAME]})
    known = {(stack.tags.get(TAG_OWNER), stack.tags.get(TAG_NAME)) for stack in found.stacks}

    def orphaned(tags: Mapping[str, str]) -> bool:
        return (tags.get(TAG_OWNER), tags.get(TAG_NAME)) not in known

    return (
        *(Leftover("instance", one.id) for one in found.instances if orphaned(one.tags)),
        *(
            Leftover("volume", one.id, disks_usd_per_month(one.gib))
            for one in volumes.result()
            if one.state == "available" and orphaned(one.tags)
        ),
        *(
            Leftover("snapshot", one.id, snapshot_usd_per_month(one.gib), meant=TAG_KEPT in one.tags)
            for one in snapshots.result()
        ),
    )


def snapshots_of(account: Account, volume_id: str) -> frozenset[str]:
    """Return the ids of all snapshots of a volume."""
    if not volume_id:
        return frozenset()
    return frozenset(snapshot.id for snapshot in account.ec2.snapshots({"volume-id": [volume_id]}))


def remove_data(account: Account, volume_id: str, meant: frozenset[str]) -> None:
    """Remove a data volume that its stack left, and the snapshot that its stack made of it while it went.

    Only called once the user has decided about the data.

    Args:
        account: Where.
        volume_id: The data volume.
        meant: Ids of snapshots that stay: those from before, and the one that was asked for.
    """
    for snapshot in snapshots_of(account, volume_id) - meant:
        account.ec2.delete_snapshot(snapshot)
    for volume in account.ec2.volumes({"volume-id": [volume_id]}):
        if volume.state == "available":
            try:
                account.ec2.delete_volume(volume.id)
            except NoSuchThingError:
                continue
