"""`ssh` and `proxy`: a shell through Session Manager, and the road that OpenSSH's ProxyCommand takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ds_ec2.errors import DsEc2Error, NotFoundError, UsageError
from ds_ec2.operations.control import ask
from ds_ec2.operations.machines import find, reachable

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine


def shell(account: Account, name: str = "", command: str | None = None) -> int:
    """Open a shell (or run one command) on this terminal and return its exit status."""
    from ds_ec2.tunnel import run_shell

    machine = reachable(account, find(account, name))
    return run_shell(account.sessions, machine.instance_id, command)


def proxy(account: Account, name: str, port: int = 22, public_key: Path | None = None) -> int:
    """Carry one SSH connection over standard input and output.

    Args:
        account: Where.
        name: The machine's name or its instance id.
        port: The port of the machine's SSH server.
        public_key: A key to authorise first; None takes the newest of ~/.ssh/id_*.pub, if there is one.
    """
    from ds_ec2.tunnel import run_proxy

    try:
        machine = reachable(account, find(account, name))
    except NotFoundError:
        # An instance that is not ours (the seed's own stack): the session's rights decide.
        if not name.startswith("i-"):
            raise
        return run_proxy(account.sessions, name, port)
    if key := public_key or newest_key():
        _authorize(account, machine, key)
    return run_proxy(account.sessions, machine.instance_id, port)


def authorize(account: Account, name: str, public_key: Path) -> str:
    """Add a public key to the machine's user and return the user's name."""
    return _authorize(account, reachable(account, find(account, name)), public_key)


def newest_key(folder: Path | None = None) -> Path | None:
    """Return the newest public key of the user, or None."""
    keys = (folder or Path.home() / ".ssh").glob("id_*.pub")
    return max(keys, key=lambda path: path.stat().st_mtime, default=None)


def read_key(path: Path) -> str:
    """Return a public key's line.

    Raises:
        UsageError: The file is no public key; a private key is refused, and never sent.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read", why=str(error), hint="ssh-keygen -t ed25519") from error
    if "PRIVATE KEY" in text:
        raise UsageError(f"{path} is a private key", hint=f"name the public one: {path}.pub")
    if not text.startswith(("ssh-", "ecdsa-", "sk-")) or len(text.splitlines()) != 1:
        raise UsageError(f"{path} is no public key", hint="ssh-keygen -t ed25519")
    return text


def _authorize(account: Account, machine: Machine, public_key: Path) -> str:
    answer = ask(account, machine, "authorize", public_key=read_key(public_key))
    if "user" not in answer:
        raise DsEc2Error(f"{machine.name} did not say whose key it took")
    return str(answer["user"])
