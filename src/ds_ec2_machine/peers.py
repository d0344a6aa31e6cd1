"""Whose socket is at the other end of a connection over the loopback, as the kernel tells it."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from pathlib import Path
from typing import Optional, Tuple

Address = Tuple[str, int]
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def _spelled(address: Address, *, wide: bool) -> str:
    """Return an address as the kernel's tables spell it: 32-bit words in the machine's byte order."""
    ip = ipaddress.ip_address(address[0])
    raw = ip.packed
    if wide and len(raw) == 4:
        raw = b"\0" * 10 + b"\xff\xff" + raw
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    text = "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
    return f"{text}:{address[1]:04X}"


def owner(peer: Address, here: Address) -> Optional[int]:
    """Return the uid of the peer's socket; None where it cannot be known: then nobody is admitted.

    A socket that its process has closed already is listed with uid 0 and inode 0, until its last packets
    are through: it must not pass for root's.

    Args:
        peer: Its end of the connection.
        here: Our end.
    """
    if not any(Path(table).exists() for table in _TABLES):
        return _listed(peer, here)
    for table in _TABLES:
        wide = table.endswith("6")
        ends = [_spelled(peer, wide=wide), _spelled(here, wide=wide)]
        path = Path(table)
        if not path.exists():
            continue
        for line in path.read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            # Source: https://docs.kernel.org/networking/proc_net_tcp.html (1, 2: ends; 7: uid; 9: inode)
            if columns[1:3] == ends and columns[9] != "0":
                return int(columns[7])
    return None


def _listed(peer: Address, here: Address) -> Optional[int]:
    """Return the same from lsof, for systems without /proc (macOS): it lists open sockets alone."""
    ends = f"n{peer[0]}:{peer[1]}->{here[0]}:{here[1]}"
    command = ["lsof", "-nP", f"-iTCP:{peer[1]}", "-Fun"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    uid = None
    for line in output.splitlines():
        if line.startswith("u"):
            uid = int(line[1:])
        elif line == ends:
            return uid
    return None
