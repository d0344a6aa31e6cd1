"""Where a machine may be: zones that sell its type, have a subnet, and can reach its data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ds_ec2.model.names import NETWORK_STACK
from ds_ec2.operations import planning
from ds_ec2.operations.choice import Choice, check_sold
from ds_ec2.operations.network import network_zones

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Stack
    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.facts import Facts


@dataclass(frozen=True, slots=True)
class Places:
    """What decides about zones.

    Args:
        account: The account.
        request: What was asked.
        facts: What the account told.
        found: What is known of the region.
        data: An earlier machine's data stack, or None.
    """

    account: Account
    request: UpRequest
    facts: Facts
    found: Catalogue
    data: Stack | None

    def network(self, choice: Choice) -> tuple[str, ...]:
        """Return the network's zones: those that it has, or would be made with for a choice.

        Raises:
            UsageError: The region does not sell the type.
        """
        check_sold(self.account, choice.name, self.facts, self.found)
        wanted = planning.wanted_zones(self.request, self.data, self._sellers(choice))
        return network_zones(self.facts.inventory.named(NETWORK_STACK), self.facts.zones, wanted)

    def zones(self, choice: Choice, network: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the zones where a choice may be, in the order in which they are tried.

        Args:
            choice: The type and its market.
            network: The network's zones; those of `network(choice)` where none are given.

        Raises:
            DsEc2Error: It can be in none.
        """
        network = network or self.network(choice)
        asked = replace(self.request, instance_type=choice.name)
        sellers = self._sellers(choice)
        first = planning.choose_zone(asked, self.data, sellers, network)
        if self.data or self.request.zone:
            return (first,)
        return tuple(zone for zone in network if zone in sellers)

    def _sellers(self, choice: Choice) -> tuple[str, ...]:
        every = self.facts.sellers.get(choice.name, ())
        return tuple(zone for zone in every if choice.zones is None or zone in choice.zones)
