"""How large a root volume is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ds_ec2.model.instances import InstanceType

ROOT_ROOM_GIB: Final = 16
"""Beside the image's own size: logs, the package manager's cache, swap. Packages live on the data volume."""
# Snapshots of the images, as they are usually; `up` asks DescribeImages for the very image.
# Source: https://docs.aws.amazon.com/linux/al2023/ug/ec2.html and DLAMI release notes.
_PLAIN_GIB: Final = 8
_DEEP_LEARNING_GIB: Final = 75


def usual_root_gib(kind: InstanceType) -> int:
    """Return the root volume that a type usually gets, before its image is known."""
    return (_DEEP_LEARNING_GIB if kind.nvidia or kind.neuron else _PLAIN_GIB) + ROOT_ROOM_GIB
