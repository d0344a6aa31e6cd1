"""NVIDIA's GPUs, asked through NVML, the library that comes with their driver.

Functions, structures and numbers are those of NVIDIA's nvml.h. The tests load a library that answers as that
header describes; nothing here has been seen on a real GPU.

Source: https://docs.nvidia.com/deploy/nvml-api/
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List, Optional

if TYPE_CHECKING:
    from ds_ec2_machine.platform import Platform

LIBRARY = "libnvidia-ml.so.1"
_DRIVER = "/proc/driver/nvidia/version"
_NOT_SUPPORTED = 3
_INSUFFICIENT_SIZE = 7
_WORDS = {
    4: "no permission",
    9: "the driver is not loaded",
    15: "the GPU has fallen off the bus",
    18: "driver and library are of different versions",
}
"""Of nvmlReturn_t; the rest is told as a number."""


def present(platform: Platform) -> bool:
    """Return whether this machine has NVIDIA's driver, and so one of its GPUs."""
    return platform.file(_DRIVER).exists()


class GpuError(OSError):
    """NVML cannot answer; the reason in words."""


@dataclass(frozen=True)
class Gpu:
    """One GPU at one moment.

    Args:
        percent: Share of the last moment (1/6 s to 1 s, by the model) in which it computed; None where
            it does not tell (a GPU that is cut into MIG instances).
        processes: Processes that have a compute context on it.
        used_mib: Memory in use.
    """

    percent: Optional[int]
    processes: int
    used_mib: int


class _Utilization(ctypes.Structure):
    """`nvmlUtilization_t`, in percent."""

    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    """`nvmlMemory_t`, in bytes."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class Nvml:
    """NVML, loaded once: to begin anew each time would wake a GPU that sleeps."""

    def __init__(self, library: str = LIBRARY) -> None:
        self._name = library
        self._library: Any = None

    def gpus(self) -> List[Gpu]:
        """Return all GPUs, none where there is no driver.

        Raises:
            GpuError: NVML answers with an error.
        """
        if self._library is None:
            try:
                library = ctypes.CDLL(self._name)
            except OSError:
                return []
            _check(library.nvmlInit_v2())
            self._library = library
        count = ctypes.c_uint()
        _check(self._library.nvmlDeviceGetCount_v2(ctypes.byref(count)))
        return [self._gpu(index) for index in range(count.value)]

    def _gpu(self, index: int) -> Gpu:
        nvml, device = self._library, ctypes.c_void_p()
        _check(nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)))
        busy, memory, count = _Utilization(), _Memory(), ctypes.c_uint(0)
        told = _check(nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(busy)), _NOT_SUPPORTED) == 0
        # Asked with no room for an answer it tells how many there are.
        ask = nvml.nvmlDeviceGetComputeRunningProcesses_v3
        _check(ask(device, ctypes.byref(count), None), _INSUFFICIENT_SIZE, _NOT_SUPPORTED)
        _check(nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)), _NOT_SUPPORTED)
        return Gpu(int(busy.gpu) if told else None, count.value, memory.used >> 20)


def _check(code: int, *also: int) -> int:
    """Return a result that is success, or one of those that the caller expects.

    Raises:
        GpuError: It is something else.
    """
    if code and code not in also:
        raise GpuError(_WORDS.get(code, f"NVML error {code}"))
    return code
