"""What a user wishes of a machine, when not its very type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included; None is no limit on that side."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether the value lies in it."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


AT_LEAST_ONE = Range(1)
"""How many devices are meant when no number is said: machines with more meet the wish too, at their price."""


@dataclass(frozen=True, slots=True)
class GpuWish:
    """GPUs or other accelerators.

    Args:
        names: Any of these: `L4`, `A100`; or a maker: `NVIDIA`; empty for any NVIDIA GPU.
        memory_gb: Memory of each device, as makers call it (an L4 has 24).
        count: Number of devices; `L4:0.5` is half of one.
    """

    names: tuple[str, ...] = ()
    memory_gb: Range | None = None
    count: Range = AT_LEAST_ONE


class SpotPolicy(StrEnum):
    """On which market."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    AUTO = "auto"
    """Both, whichever is cheaper."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a machine has to have; what is left open may be anything.

    Args:
        gpu: Accelerators; None for a machine without.
        cpus: Virtual CPUs.
        memory_gib: Memory.
        architecture: `x86_64` or `arm64`; empty prefers x86_64.
        types: Only these instance types; what is named is never left out for a preference.
        zone: Sold in this zone; empty for any.
        max_price: US dollars per hour of the instance.
        spot: On which market.
    """

    gpu: GpuWish | None = None
    cpus: Range | None = None
    memory_gib: Range | None = None
    architecture: str = ""
    types: tuple[str, ...] = ()
    zone: str = ""
    max_price: float | None = None
    spot: SpotPolicy = SpotPolicy.ON_DEMAND
