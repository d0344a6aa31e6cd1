"""The network of a sandbox: addresses on its loopback, and the way out through a user-mode network stack."""

from __future__ import annotations

import fcntl
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ec2_local.instances import linux

if TYPE_CHECKING:
    from collections.abc import Iterable

# Source: linux/sockios.h, linux/if.h
_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP_RUNNING = 0x41

# The network between a sandbox and its user-mode stack: of the shared address space (RFC 6598), so that it
# meets no VPC. `.2` is the router, `.3` the resolver: slirp4netns's own numbering, kept for pasta.
_NETWORK = "100.127.255"
RESOLVER = f"{_NETWORK}.3"

_READY_S = 10.0
_PAUSE_S = 0.02
_END_S = 3.0

STACKS = ("slirp4netns", "pasta")


def find_stack() -> str:
    """Return the user-mode network stack of this host, empty where there is none."""
    return next((name for name in STACKS if shutil.which(name)), "")


def raise_loopback(addresses: Iterable[str]) -> None:
    """Bring the loopback of this network namespace up, with more addresses on it.

    Raises:
        OSError: The kernel refuses.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP_RUNNING))
        for number, address in enumerate(addresses):
            name = f"lo:{number}".encode()
            for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.255")):
                packed = struct.pack("16sHH4s16x", name, socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(handle, request, packed)


def _same(first: str, second: str) -> bool:
    return Path(first).stat().st_ino == Path(second).stat().st_ino


def _command(stack: str, pid: int) -> list[str]:
    user, net = f"/proc/{pid}/ns/user", f"/proc/{pid}/ns/net"
    if stack == "slirp4netns":
        words = "--configure --mtu=65520 --disable-host-loopback --netns-type=path"
        # A process cannot enter the user namespace that it is in.
        entered = [] if _same(user, "/proc/self/ns/user") else [f"--userns-path={user}"]
        return ["slirp4netns", *words.split(), f"--cidr={_NETWORK}.0/24", *entered, net, "tap0"]
    own = f"-a {_NETWORK}.100 -n 24 -g {_NETWORK}.2 --dns-forward {RESOLVER} -I tap0"
    words = f"-f -q --config-net --no-map-gw -4 -t none -u none -T none -U none {own}"
    return ["pasta", *words.split(), "--runas", "0", "--userns", user, "--netns", net]


class WayOut:
    """The way out of one sandbox's network namespace, open or closed.

    Args:
        stack: `slirp4netns` or `pasta`.
        pid: A process of the sandbox.
        log: Host file for the stack's words.
    """

    def __init__(self, stack: str, pid: int, log: str) -> None:
        self._stack, self._pid, self._log = stack, pid, log
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Have a default route; a stack that ended is started again.

        Raises:
            OSError: The stack does not start.
        """
        if self._process is not None and self._process.poll() is None:
            return
        with Path(self._log).open("ab") as log:
            self._process = subprocess.Popen(
                _command(self._stack, self._pid),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=linux.die_with_parent,  # noqa: PLW1509 - the launcher has one thread
            )
        end = time.monotonic() + _READY_S
        while not self._routed():
            if self._process.poll() is not None or time.monotonic() > end:
                self.close()
                raise OSError(f"{self._stack} does not start: {Path(self._log).read_text()[-500:]}")
            time.sleep(_PAUSE_S)

    def _routed(self) -> bool:
        lines = Path(f"/proc/{self._pid}/net/route").read_text().splitlines()
        return any(line.split()[1] == "00000000" for line in lines[1:])

    def close(self) -> None:
        """Take the way out away; connections through it break."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
