"""Volumes with content, and EC2's refusals about them."""

from __future__ import annotations

import copy
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from ds_ec2_local.services.parts import current


class Volumes(EC2Backend):  # type: ignore[misc] # moto has no types
    """What one region's EC2 does with volumes."""

    def create_volume(self, size: int, zone_name: str, snapshot_id: str | None = None, **kwargs: Any) -> Any:  # noqa: D102
        volume = super().create_volume(size, zone_name, snapshot_id, **kwargs)
        if snapshot_id:
            current().machines.volumes.fill(volume.id, snapshot_id)
        current().machines.volumes.resize(volume.id, int(volume.size))
        return volume

    def delete_volume(self, volume_id: str) -> Any:  # noqa: D102 - EC2's call
        deleted = super().delete_volume(volume_id)
        current().machines.volumes.delete(volume_id)
        return deleted

    def attach_volume(
        self,
        volume_id: str,
        instance_id: str,
        device_path: str,
        delete_on_termination: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        """Attach a volume, if EC2 would."""
        volume, instance = self.get_volume(volume_id), self.get_instance(instance_id)
        if volume.attachment is not None:
            raise EC2ClientError("VolumeInUse", f"{volume_id} is already attached to an instance")
        if instance.state not in {"running", "stopped"}:
            raise EC2ClientError("IncorrectState", f"Instance '{instance_id}' is not 'running'.")
        if volume.availability_zone != instance.availability_zone:
            raise EC2ClientError(
                "InvalidVolume.ZoneMismatch",
                f"The volume '{volume_id}' is not in the same availability zone as instance '{instance_id}'",
            )
        if device_path in instance.block_device_mapping:
            raise EC2ClientError(
                "InvalidParameterValue",
                f"Invalid value '{device_path}' for unixDevice. Attachment point {device_path}"
                " is already in use",
            )
        current().machines.attach(instance, volume_id)
        return super().attach_volume(volume_id, instance_id, device_path, delete_on_termination)

    def detach_volume(self, volume_id: str, instance_id: str | None, device_path: str) -> Any:
        """Detach a volume; the instance may be left out."""
        volume = self.get_volume(volume_id)
        if volume.attachment is None:
            raise EC2ClientError("IncorrectState", f"Volume '{volume_id}' is in the 'available' state.")
        instance = volume.attachment.instance
        if instance_id and instance.id != instance_id:
            raise EC2ClientError(
                "InvalidAttachment.NotFound",
                f"The volume '{volume_id}' is not attached to instance '{instance_id}'.",
            )
        if volume.attachment.device == instance.root_device_name and instance.state == "running":
            raise EC2ClientError(
                "OperationNotPermitted",
                f"Unable to detach root volume '{volume_id}' from instance '{instance.id}'",
            )
        current().machines.detach(instance, volume_id)
        return super().detach_volume(volume_id, instance.id, device_path)

    def modify_volume(self, volume_id: str, target_size: int | None = None, *others: Any) -> Any:
        """Change a volume; it never shrinks."""
        if target_size and target_size < self.get_volume(volume_id).size:
            raise EC2ClientError("InvalidParameterValue", "New size cannot be smaller than existing size")
        modified = super().modify_volume(volume_id, target_size, *others)
        current().machines.volumes.resize(volume_id, int(self.get_volume(volume_id).size))
        return modified

    def create_snapshot(self, volume_id: str, description: str, *args: Any, **kwargs: Any) -> Any:
        """Keep a volume's content, and its size of today."""
        snapshot = super().create_snapshot(volume_id, description, *args, **kwargs)
        snapshot.volume = copy.copy(snapshot.volume)
        current().machines.volumes.snapshot(volume_id, snapshot.id)
        return snapshot

    def delete_snapshot(self, snapshot_id: str) -> Any:  # noqa: D102 - EC2's call
        deleted = super().delete_snapshot(snapshot_id)
        current().machines.volumes.delete_snapshot(snapshot_id)
        return deleted
