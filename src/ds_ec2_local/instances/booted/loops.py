"""Files as block devices: the loop devices of Linux."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from dataclasses import dataclass

# Source: linux/loop.h, linux/major.h
_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A
_AUTOCLEAR = 4  # the device is free again when its last user lets go, however that ends
_MAJOR = 7
# struct loop_config: the backing file, then struct loop_info64 with only its flags set, then reserved words.
_CONFIG = struct.Struct("=II 8s8s8sQQIIII 64s64s32s16s 64s")
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Loop:
    """A file as a block device.

    Args:
        descriptor: Holds the device.
        device: Its device number, for a node.
    """

    descriptor: int
    device: int

    def close(self) -> None:
        """Let go of it; a mount of it keeps it."""
        os.close(self.descriptor)


def attach(path: str) -> Loop:
    """Make a file a block device.

    Raises:
        OSError: The kernel refuses.
    """
    backing = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_TRIES):  # somebody else may take the free one first
            loop = _open(fcntl.ioctl(control, _LOOP_CTL_GET_FREE))
            empty = (b"",) * 5
            config = _CONFIG.pack(backing, 0, b"", b"", b"", 0, 0, 0, 0, 0, _AUTOCLEAR, *empty)
            try:
                fcntl.ioctl(loop.descriptor, _LOOP_CONFIGURE, config)
            except OSError as error:
                loop.close()
                if error.errno != errno.EBUSY:
                    raise
            else:
                return loop
        raise OSError(errno.EBUSY, "no loop device is free")
    finally:
        os.close(control)
        os.close(backing)


def _open(number: int) -> Loop:
    node, device = f"/dev/loop{number}", os.makedev(_MAJOR, number)
    if not os.path.exists(node):  # noqa: PTH110 - pathlib costs 10 ms
        os.mknod(node, stat.S_IFBLK | 0o660, device)  # /dev is not the kernel's own everywhere
    return Loop(os.open(node, os.O_RDWR | os.O_CLOEXEC), device)
