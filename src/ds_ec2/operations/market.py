"""What is worth knowing before a machine is bought on the spot market."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.model.offers import Market
from ds_ec2.model.wishes import SpotPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.model.plans import UpPlan
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.facts import Facts


def policy_of(request: UpRequest) -> SpotPolicy:
    """Return the markets that a request is for."""
    return request.wish.spot if request.wish else SpotPolicy.ON_DEMAND


def market_notes(plan: UpPlan, facts: Facts | None = None) -> Iterator[str]:
    """Yield sentences on the market of a plan.

    Args:
        plan: The plan.
        facts: What the account told; None where it was not asked.
    """
    if policy_of(plan.request) is not SpotPolicy.ON_DEMAND and facts and facts.spot is None:
        yield "the spot prices of now could not be read"
    if plan.market is Market.SPOT:
        yield (
            "EC2 may take a spot machine back, two minutes after it said so: it stops and its disks stay;"
            " EC2 starts it again by itself when it has room, and from then on it bills again"
        )
