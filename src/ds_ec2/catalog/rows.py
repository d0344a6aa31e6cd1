"""An instance type as a short row of JSON, and back: what the catalogue's files hold, one line a type."""

from __future__ import annotations

from typing import Any, Final

from ds_ec2.model.instances import Accelerator, AcceleratorKind, InstanceType, LocalDisks

Row = list[Any]

FIELDS: Final = ("name", "vcpus", "memory_mib", "architectures", "flags", "network", "disks", "accelerators")
"""What a row holds; `disks` and `accelerators` are left out at its end where there are none."""
FLAGS: Final = {
    "c": "current",
    "b": "bare_metal",
    "u": "burstable",
    "e": "efa",
    "h": "hibernation",
    "s": "spot",
}
"""Letters of `flags`, and the fields of `InstanceType` that they set."""


def to_row(kind: InstanceType) -> Row:
    """Return an instance type as a row."""
    disks = [kind.disks.count, kind.disks.gb, kind.disks.kind] if kind.disks else 0
    devices = [
        [one.kind.value, one.maker, one.name, one.count, one.memory_mib, one.devices, one.share]
        for one in kind.accelerators
    ]
    row: Row = [
        kind.name,
        kind.vcpus,
        kind.memory_mib,
        " ".join(kind.architectures),
        "".join(letter for letter, field in FLAGS.items() if getattr(kind, field)),
        kind.network,
    ]
    if devices:
        return [*row, disks, devices]
    return [*row, disks] if disks else row


def has_accelerators(row: Row) -> bool:
    """Whether a row tells of accelerators."""
    return len(row) > 7


def from_row(row: Row) -> InstanceType:
    """Return the instance type of a row."""
    flags = row[4]
    return InstanceType(
        name=row[0],
        vcpus=row[1],
        memory_mib=row[2],
        architectures=tuple(row[3].split()),
        accelerators=tuple(_accelerator(*one) for one in row[7]) if has_accelerators(row) else (),
        network=row[5],
        disks=LocalDisks(*row[6]) if len(row) > 6 and row[6] else None,
        current="c" in flags,
        bare_metal="b" in flags,
        burstable="u" in flags,
        efa="e" in flags,
        hibernation="h" in flags,
        spot="s" in flags,
    )


def _accelerator(kind: str, *others: Any) -> Accelerator:
    return Accelerator(AcceleratorKind(kind), *others)
