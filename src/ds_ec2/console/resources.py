"""What a machine has, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_ec2.model.instances import Accelerator, InstanceType


def resources(kind: InstanceType) -> str:
    """Return `4 vCPU, 16 GiB, 1 x L4 22 GiB`."""
    devices = [_device(one) for one in kind.accelerators]
    return ", ".join([f"{kind.vcpus} vCPU", f"{kind.memory_mib / 1024:g} GiB", *devices])


def _device(one: Accelerator) -> str:
    memory = f"{one.name} {one.memory_mib / 1024:.0f} GiB"
    if one.share == 1:
        return f"{one.devices} x {memory}"
    number = f"{one.devices} x " if one.devices > 1 else ""
    return f"{number}1/{1 / one.share:g} of {memory}"
