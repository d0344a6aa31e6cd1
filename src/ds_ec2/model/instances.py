"""Instance types as the catalogue and DescribeInstanceTypes tell them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AcceleratorKind(StrEnum):
    """Where DescribeInstanceTypes tells of a device."""

    GPU = "gpu"
    """GpuInfo: NVIDIA's and AMD's GPUs, and Habana's Gaudi."""
    NEURON = "neuron"
    """NeuronInfo: AWS Inferentia and Trainium."""
    INFERENCE = "inference"
    """InferenceAcceleratorInfo, where NeuronInfo does not tell of the same device: Qualcomm."""
    FPGA = "fpga"
    MEDIA = "media"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """Devices of one kind.

    Args:
        kind: Where it was told.
        maker: `NVIDIA`, `AMD`, `Habana`, `AWS`, ...
        name: `L4`, `Radeon Pro V520`, `Trainium2`, as AWS spells it.
        count: Whole devices; 0 for slices of one (g6f).
        memory_mib: Memory of each device or slice.
        devices: What the operating system sees: whole devices or slices.
        share: Of a whole device in each: 0.125 for an eighth of an L4.
    """

    kind: AcceleratorKind
    maker: str
    name: str
    count: int
    memory_mib: int
    devices: int = 1
    share: float = 1.0

    @property
    def total(self) -> float:
        """Whole devices' worth: 8 for eight of them, 0.125 for one eighth."""
        return self.devices * self.share


@dataclass(frozen=True, slots=True)
class LocalDisks:
    """Instance store: gone when the machine stops.

    Args:
        count: Number of disks.
        gb: Of each, as AWS counts (10^9 bytes).
        kind: `nvme`, `ssd` or `hdd`.
    """

    count: int
    gb: int
    kind: str


@dataclass(frozen=True, slots=True)
class InstanceType:
    """An instance type.

    Args:
        name: As EC2 spells it.
        vcpus: Number of virtual CPUs.
        memory_mib: Memory.
        architectures: `x86_64`, `arm64`, ...
        accelerators: GPUs and others, by kind.
        network: AWS's words: `Up to 10 Gigabit`.
        disks: Instance store, or None.
        current: Of the current generation, as AWS says.
        bare_metal: No hypervisor; boots in minutes.
        burstable: Earns and spends CPU credits (the T families).
        efa: Elastic Fabric Adapter.
        hibernation: Can hibernate.
        spot: Is sold on the spot market.
    """

    name: str
    vcpus: int
    memory_mib: int
    architectures: tuple[str, ...]
    accelerators: tuple[Accelerator, ...] = ()
    network: str = ""
    disks: LocalDisks | None = None
    current: bool = True
    bare_metal: bool = False
    burstable: bool = False
    efa: bool = False
    hibernation: bool = False
    spot: bool = True

    @property
    def nvidia(self) -> bool:
        """Whether it runs CUDA: some GPU's maker is NVIDIA (a count would miss slices)."""
        return any(
            one.kind is AcceleratorKind.GPU and one.maker.upper() == "NVIDIA" for one in self.accelerators
        )

    @property
    def neuron(self) -> bool:
        """Whether it has AWS Inferentia or Trainium."""
        return any(one.kind is AcceleratorKind.NEURON for one in self.accelerators)

    @property
    def family(self) -> str:
        """What stands before the dot: `g6`."""
        return self.name.partition(".")[0]
