"""What an instance is: the values with which it is started."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """One instance, as EC2 knows it.

    Args:
        instance_id: `i-...`.
        image_id: `ami-...`; told by the metadata, the files are always this host's.
        private_ip: Its address in the VPC.
        region: Such as `us-east-1`.
        user_data: Raw bytes, not base64.
        first_boot: Whether user data runs.
        volumes: Volume id to the host folder that stands for it; the root volume is not among them.
        tags: The instance's tags.
        role: Name of the role whose credentials the metadata service gives, None without one.
        spot: Whether it may be interrupted.
        instance_type: Told by the metadata.
        availability_zone: The same; empty is the region's first.
        account_id: The same.
        profile_arn: ARN of the instance profile; empty is made from the role's name.
        way_out: Whether it can reach the outside when it starts.
        endpoints: Whether its VPC has a way of its own to the AWS APIs.
    """

    instance_id: str
    image_id: str
    private_ip: str
    region: str
    user_data: bytes = b""
    first_boot: bool = True
    volumes: Mapping[str, Path] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    role: str | None = None
    spot: bool = False
    instance_type: str = "t3.micro"
    availability_zone: str = ""
    account_id: str = "123456789012"
    profile_arn: str = ""
    way_out: bool = True
    endpoints: bool = False

    @property
    def zone(self) -> str:
        """The availability zone."""
        return self.availability_zone or f"{self.region}a"

    @property
    def host_name(self) -> str:
        """The name that EC2 makes from the address."""
        return f"ip-{self.private_ip.replace('.', '-')}"

    @property
    def mac(self) -> str:
        """A locally administered MAC address, always the same for one instance."""
        digest = hashlib.sha256(self.instance_id.encode()).digest()
        return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))

    @property
    def loopback(self) -> str:
        """The address of the loopback network that stands for it where it has no network of its own."""
        digest = hashlib.sha256(self.instance_id.encode()).digest()
        return f"127.{64 + digest[0] % 128}.{digest[1]}.{1 + digest[2] % 254}"
