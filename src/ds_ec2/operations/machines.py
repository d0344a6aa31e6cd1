"""Finding machines: stacks and tags are the only record."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine


def list_machines(account: Account) -> tuple[Machine, ...]:
    """Return all machines of the account's region, by owner and name; those made with `cdk deploy` too."""
    raise NotImplementedError


def find(account: Account, name: str = "") -> Machine:
    """Return the machine of that name or instance id; without a name, the only one.

    A name that several owners use means the caller's own.

    Raises:
        NotFoundError: There is none, with the names that there are.
        UsageError: No name was given and there are several.
    """
    raise NotImplementedError


def with_stages(account: Account, machine: Machine) -> Machine:
    """Return the machine with its bootstrap stages, as its status parameter tells them."""
    raise NotImplementedError
