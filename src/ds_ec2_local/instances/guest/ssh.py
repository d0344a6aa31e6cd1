"""The SSH server of an instance: the host's sshd with a configuration and keys of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEY = "/etc/ssh/ssh_host_ed25519_key"
_CONFIGURATION = "/etc/ssh/sshd_config"
_TEXT = """# Keys alone, as on Amazon Linux.
HostKey {key}
{listen}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UsePAM no
PrintMotd no
AcceptEnv LANG LC_*
{environment}
Subsystem sftp internal-sftp
"""


def find() -> str:
    """Return the path of sshd, empty where there is none."""
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or ""


def key_command() -> list[str]:
    """Return the command that makes the host key, empty where there is one already."""
    if Path(_KEY).exists():
        return []
    Path(_KEY).parent.mkdir(exist_ok=True)
    return ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", _KEY]


def configure(addresses: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Write the configuration, once; return the command of the server."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    if not Path(_CONFIGURATION).exists():
        listen = "\n".join(f"ListenAddress {address}:22" for address in addresses)
        pairs = " ".join(f'"{name}={value}"' for name, value in environment.items())
        text = _TEXT.format(key=_KEY, listen=listen, environment=f"SetEnv {pairs}" if pairs else "")
        Path(_CONFIGURATION).write_text(text)
    return [find(), "-D", "-e", "-f", _CONFIGURATION]
