"""Tags of EC2 resources: put on in the call that makes them, changed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.cloudformation.work import Work


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def on_creation(work: Work, *kinds: str) -> list[dict[str, Any]] | None:
    """Return TagSpecifications for resources of these kinds, or None where there is no tag."""
    tags = listed(work.all_tags)
    return [{"ResourceType": kind, "Tags": tags} for kind in kinds] if tags else None


def change(work: Work) -> None:
    """Bring an EC2 resource's tags from what they were to what they should be; its id is the physical id."""
    change_of(work, work.physical_id)


def change_of(work: Work, resource_id: str) -> None:
    """Do the same where the physical id is not the resource's id."""
    gone = work.old_tags.keys() - work.tags.keys()
    if gone:
        work.call("ec2", "DeleteTags", Resources=[resource_id], Tags=[{"Key": key} for key in sorted(gone)])
    if work.tags != work.old_tags and work.tags:
        work.call("ec2", "CreateTags", Resources=[resource_id], Tags=listed(work.tags))
