"""Volumes and their attachments."""

from __future__ import annotations

from typing import Any

from ds_ec2_local.cloudformation.errors import Refused, ResourceFailure
from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


def volume_of(work: Work, volume: str) -> dict[str, Any]:
    """Return what EC2 tells of a volume; empty where it is gone."""
    found = work.call("ec2", "DescribeVolumes", VolumeIds=[volume])["Volumes"]
    return found[0] if found else {}


class Volume(Handler):
    """AWS::EC2::Volume."""

    type_name = "AWS::EC2::Volume"
    accepts = properties(
        "AutoEnableIO AvailabilityZone Encrypted Iops KmsKeyId MultiAttachEnabled Size SnapshotId"
        " Throughput VolumeInitializationRate VolumeType"
    )

    def create(self, work: Work) -> Made:
        """Make a volume and wait until it is available."""
        names = self.accepts - {"AutoEnableIO"} if self.accepts else ()
        volume = work.call(
            "ec2", "CreateVolume", **work.pick(*names), TagSpecifications=tagging.on_creation(work, "volume")
        )["VolumeId"]
        work.begun(volume)
        work.until(lambda: self._settled(work, volume), f"{volume} is not available")
        self._switch(work, volume)
        return Made(volume, {"VolumeId": volume})

    def _settled(self, work: Work, volume: str) -> bool:
        state = volume_of(work, volume).get("State")
        if state == "error":
            raise ResourceFailure(f"Volume {volume} is in state error")
        return state in {"available", "in-use"}

    def _switch(self, work: Work, volume: str) -> None:
        if work.changed("AutoEnableIO"):
            wanted = {"Value": work.true("AutoEnableIO")}
            work.call("ec2", "ModifyVolumeAttribute", VolumeId=volume, AutoEnableIO=wanted)

    def update(self, work: Work) -> Made:
        """Grow or retype it in place; zone, source and encryption cannot be changed."""
        if work.changed("AvailabilityZone", "SnapshotId", "Encrypted", "KmsKeyId"):
            raise Refused(
                "Update to AvailabilityZone, SnapshotId, Encrypted or KmsKeyId of an AWS::EC2::Volume"
                " is not supported"
            )
        given: dict[str, Any] = {
            name: work.get(name)
            for name in ("Size", "VolumeType", "Iops", "Throughput")
            if work.changed(name)
        }
        if "Size" in given and int(given["Size"] or 0) < int(work.old.get("Size") or 0) and not work.rollback:
            raise Refused("New size cannot be smaller than existing size")
        if work.rollback:
            given.pop("Size", None)  # a volume does not shrink, on AWS neither
        if any(value is not None for value in given.values()):
            work.call("ec2", "ModifyVolume", VolumeId=work.physical_id, **given)
        self._switch(work, work.physical_id)
        tagging.change(work)
        return Made(work.physical_id, {"VolumeId": work.physical_id})

    def snapshot(self, work: Work) -> None:
        """Make a snapshot and wait until it is complete."""
        snapshot = work.call(
            "ec2",
            "CreateSnapshot",
            VolumeId=work.physical_id,
            Description=f"Snapshot of {work.physical_id} by CloudFormation stack {work.stack.name}",
            TagSpecifications=tagging.on_creation(work, "snapshot"),
        )["SnapshotId"]

        def complete() -> bool:
            found = work.call("ec2", "DescribeSnapshots", SnapshotIds=[snapshot])["Snapshots"][0]
            return bool(found["State"] == "completed")

        work.until(complete, f"{snapshot} is not complete")

    def delete(self, work: Work) -> None:
        """Delete it; one in use refuses."""
        work.call("ec2", "DeleteVolume", VolumeId=work.physical_id)


class VolumeAttachment(Handler):
    """AWS::EC2::VolumeAttachment."""

    type_name = "AWS::EC2::VolumeAttachment"
    accepts = properties("Device InstanceId VolumeId")

    def create(self, work: Work) -> Made:
        """Attach a volume; one that is in use is refused, as by EC2."""
        volume, instance = work.get("VolumeId"), work.get("InstanceId")
        found = volume_of(work, volume)
        if found.get("Attachments"):
            holder = found["Attachments"][0]["InstanceId"]
            raise ResourceFailure(
                f'Resource handler returned message: "{volume} is already attached to an instance: {holder}'
                ' (VolumeInUse)"'
            )
        work.call(
            "ec2", "AttachVolume", VolumeId=volume, InstanceId=instance, Device=work.get("Device", "/dev/sdf")
        )
        work.begun(f"{volume}|{instance}")

        def attached() -> bool:
            ties = volume_of(work, volume).get("Attachments") or []
            return any(tie["InstanceId"] == instance and tie["State"] == "attached" for tie in ties)

        work.until(attached, f"{volume} is not attached")
        return Made(f"{volume}|{instance}")

    def delete(self, work: Work) -> None:
        """Detach the volume and wait until it is free."""
        volume, instance = work.get("VolumeId"), work.get("InstanceId")
        ties = volume_of(work, volume).get("Attachments") or []
        if not any(tie["InstanceId"] == instance for tie in ties):
            return
        work.call("ec2", "DetachVolume", VolumeId=volume, InstanceId=instance)

        def free() -> bool:
            ties = volume_of(work, volume).get("Attachments") or []
            return not any(tie["InstanceId"] == instance for tie in ties)

        work.until(free, f"{volume} stays attached")
