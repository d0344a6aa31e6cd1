"""The images there are, and the public parameters that name them.

The ids are made up, one a region, and stay the same from run to run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from moto.ec2.models.amis import Ami

_DLAMI_SIZE_GIB: Final = 75
"""Source: EBS snapshot size of the base DLAMIs, about 75 GB."""


@dataclass(frozen=True, slots=True)
class Image:
    """One public image.

    Args:
        parameter: The SSM public parameter that holds its id.
        name: As DescribeImages tells it.
        owner: Account id of its maker.
        alias: `amazon`, or empty.
        architecture: `x86_64` or `arm64`.
        root_device: Its RootDeviceName.
        size_gib: Size of its snapshot.
        created: CreationDate.
    """

    parameter: str
    name: str
    owner: str
    alias: str
    architecture: str
    root_device: str
    size_gib: int
    created: datetime

    def image_id(self, region: str) -> str:
        """Return its id in `region`."""
        return "ami-0" + hashlib.sha256(f"{region}/{self.name}".encode()).hexdigest()[:16]


def _images() -> tuple[Image, ...]:
    """Return all images. Names follow the makers' patterns of autumn 2026."""
    amazon, canonical = "137112412989", "099720109477"
    dlami = "898082745236"
    made = datetime(2026, 11, 2, 18, 5, 41, tzinfo=UTC)
    found = []
    for arch, other in (("x86_64", "amd64"), ("arm64", "arm64")):
        found += [
            Image(
                f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}",
                f"al2023-ami-2023.9.20261102.0-kernel-6.12-{arch}",
                amazon, "amazon", arch, "/dev/xvda", 8, made,
            ),
            Image(
                f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{other}/hvm/ebs-gp3/ami-id",
                f"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{other}-server-20261028",
                canonical, "amazon", arch, "/dev/sda1", 8, made,
            ),
        ]  # fmt: skip
        gpu = "Deep Learning Base OSS Nvidia Driver GPU AMI"
        if arch == "arm64":
            gpu = "Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI"
        for system, title, root in (
            ("amazon-linux-2023", "(Amazon Linux 2023)", "/dev/xvda"),
            ("ubuntu-22.04", "(Ubuntu 22.04)", "/dev/sda1"),
            ("ubuntu-24.04", "(Ubuntu 24.04)", "/dev/sda1"),
        ):
            parameter = (
                f"/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-{system}/latest/ami-id"
            )
            found.append(
                Image(
                    parameter, f"{gpu} {title} 20261030", dlami, "amazon", arch, root, _DLAMI_SIZE_GIB, made
                )
            )
    return tuple(found)


IMAGES: Final = _images()


class PublicAmi(Ami):  # type: ignore[misc] # moto has no types
    """An image whose block device says its true size."""

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """The root device."""
        ebs = {
            "SnapshotId": self.ebs_snapshot.id,
            "VolumeSize": self.ebs_snapshot.volume_size,
            "DeleteOnTermination": True,
            "VolumeType": "gp3",
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": ebs}]


def register(backend: Any) -> None:
    """Put the images into moto's EC2 of one region, instead of moto's own list."""
    for image in IMAGES:
        ami = PublicAmi(
            backend,
            image.image_id(backend.region_name),
            name=image.name,
            description=image.name,
            owner_id=image.owner,
            owner_alias=image.alias,
            public=True,
            virtualization_type="hvm",
            architecture=image.architecture,
            creation_date=image.created,
            image_location=f"amazon/{image.name}",
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name=image.root_device,
            sriov="simple",
            region_name=f"{backend.region_name}a",
            boot_mode="uefi-preferred" if image.architecture == "x86_64" else "uefi",
        )
        ami.ebs_snapshot.volume.size = image.size_gib
        backend.amis[ami.id] = ami
