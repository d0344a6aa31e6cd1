"""`ssh` and `proxy`: a shell through Session Manager, and the road that OpenSSH's ProxyCommand takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ec2.aws.account import Account


def shell(account: Account, name: str = "", command: str | None = None) -> int:
    """Open a shell (or run one command) on this terminal and return its exit status."""
    raise NotImplementedError


def proxy(account: Account, name: str, port: int = 22, public_key: Path | None = None) -> int:
    """Carry one SSH connection over standard input and output.

    Args:
        account: Where.
        name: The machine's name or its instance id.
        port: The port of the machine's SSH server.
        public_key: A key to authorise first; None takes the newest of ~/.ssh/id_*.pub, if there is one.
    """
    raise NotImplementedError


def authorize(account: Account, name: str, public_key: Path) -> str:
    """Add a public key to the machine's user and return the user's name."""
    raise NotImplementedError
