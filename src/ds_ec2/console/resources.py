"""What a machine has, in a few words."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_ec2.model.instances import Accelerator, InstanceType


def resources(kind: InstanceType) -> str:
    """Return `4 vCPU, 16 GiB, 1 x L4 22 GiB`."""
    devices = [_device(one) for one in kind.accelerators]
    return ", ".join([f"{kind.vcpus} vCPU", f"{kind.memory_mib / 1024:g} GiB", *devices])


def _device(one: Accelerator) -> str:
    number = (
        str(one.devices) if one.share == 1 else f"{Fraction(one.share)} of an" if one.devices == 1 else ""
    )
    times = " x " if one.share == 1 else " "
    return f"{number}{times}{one.name} {one.memory_mib / 1024:.0f} GiB"
