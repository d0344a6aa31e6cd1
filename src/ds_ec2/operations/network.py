"""`network up|show|down`: the stack that all machines of a region share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.plans import Network, NetworkDownPlan, NetworkPlan
    from ds_ec2.model.requests import NetworkRequest
    from ds_ec2.model.steps import Step


def plan_network_up(account: Account, request: NetworkRequest) -> NetworkPlan:
    """Return what `network up` would do. Only reads."""
    raise NotImplementedError


def apply_network_up(account: Account, plan: NetworkPlan) -> Generator[Step, None, Network]:
    """Make the network, or wait for somebody else who makes it."""
    raise NotImplementedError


def show_network(account: Account) -> Network:
    """Return the network.

    Raises:
        NotFoundError: There is none in this region.
    """
    raise NotImplementedError


def plan_network_down(account: Account) -> NetworkDownPlan:
    """Return what `network down` would remove.

    Raises:
        DsEc2Error: Machines are on it (they are named).
        NotFoundError: There is none.
    """
    raise NotImplementedError


def apply_network_down(account: Account, plan: NetworkDownPlan) -> Generator[Step, None, None]:
    """Empty the bucket and remove the stack."""
    raise NotImplementedError
