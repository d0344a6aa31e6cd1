"""`stop` and `start`: power calls; the stacks stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.steps import Step


def stop(account: Account, name: str = "") -> Generator[Step, None, Machine]:
    """Stop a machine and wait until it is stopped; its disks stay, and a note says what they cost."""
    raise NotImplementedError


def start(account: Account, name: str = "") -> Generator[Step, None, Machine]:
    """Start a stopped machine and wait until its JupyterLab answers."""
    raise NotImplementedError
