"""The disks of a launch."""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import EC2ClientError


def block_devices(images: list[Any], asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the block devices of a launch: the image's, changed and added to by the request's.

    Raises:
        EC2ClientError: A root volume would be smaller than the image.
    """
    devices: dict[str, dict[str, Any]] = {
        image.root_device_name: {
            "VolumeSize": image.ebs_snapshot.volume_size,
            "SnapshotId": image.ebs_snapshot.id,
            "DeleteOnTermination": True,
            "VolumeType": "gp3",
        }
        for image in images
    }
    for mapping in asked:
        name = mapping["DeviceName"]
        if mapping.get("NoDevice") == "":
            devices.pop(name, None)
            continue
        ebs = {k: v for k, v in (mapping.get("Ebs") or {}).items() if v is not None}
        smallest = devices.get(name, {}).get("VolumeSize")
        if smallest and int(ebs.get("VolumeSize", smallest)) < smallest:
            raise EC2ClientError(
                "InvalidBlockDeviceMapping",
                f"Volume of size {ebs['VolumeSize']}GB is smaller than snapshot"
                f" '{devices[name]['SnapshotId']}', expect size >= {smallest}GB",
            )
        devices[name] = {"DeleteOnTermination": True} | devices.get(name, {}) | ebs
    return [{"DeviceName": name, "Ebs": ebs} for name, ebs in devices.items()]
