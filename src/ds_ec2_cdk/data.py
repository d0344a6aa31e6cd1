"""The data volume: it outlives machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ds_ec2_cdk.tags import tags


@dataclass(frozen=True, slots=True)
class DataVolumeProps:
    """What a data volume is made of. Every value may be a token.

    Args:
        name: The machine's name.
        owner: Its owner's short name.
        zone: Availability zone.
        size_gib: GiB.
        snapshot: Snapshot to begin with; None or `AWS::NoValue` for a blank volume.
        initialization_rate: MiB/s at which its blocks come; None or `AWS::NoValue` for the default.
        part: Which stack it belongs to.
        snapshot_on_delete: Leave a snapshot when it is removed; a create that fails leaves one too.
    """

    name: str
    owner: str
    zone: str
    size_gib: float = 50
    snapshot: str | None = None
    initialization_rate: float | None = None
    part: str = "data"
    snapshot_on_delete: bool = False


class DataVolume(Construct):
    """An encrypted gp3 volume that goes with its stack.

    `down` makes a snapshot of its own before, where one is wanted. A policy that makes one at every deletion
    would leave a snapshot of a blank volume behind each create that failed; one that retains the volume would
    leave it there unseen. Termination protection guards the stack itself.
    """

    def __init__(self, scope: Construct, construct_id: str, props: DataVolumeProps) -> None:
        super().__init__(scope, construct_id)
        self.volume = ec2.CfnVolume(
            self,
            "DataVolume",
            availability_zone=props.zone,
            size=props.size_gib,
            snapshot_id=props.snapshot,
            volume_initialization_rate=props.initialization_rate,
            volume_type="gp3",
            encrypted=True,
            tags=tags(f"{props.name} data", props.part, props.owner, props.name),
        )
        options: Any = self.volume.cfn_options
        delete, keep = cdk.CfnDeletionPolicy.DELETE, cdk.CfnDeletionPolicy.SNAPSHOT
        options.deletion_policy = keep if props.snapshot_on_delete else delete
        # Nothing that a template can change replaces a volume; should that ever change, the data stay.
        options.update_replace_policy = keep
