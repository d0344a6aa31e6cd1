"""Plans on the spot market: the cheapest zone, the price on demand beside it, the quota of the market."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.names import MachineParameter
from ds_ec2.model.offers import Market
from ds_ec2.model.requests import UpRequest
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import SpotPolicy, Wish
from ds_ec2.operations.offline import plan_up_offline
from ds_ec2.operations.up import plan_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.aws.account import Account

    Faults = Callable[..., None]

pytestmark = pytest.mark.local
L4 = Wish(parse_gpu("L4"), spot=SpotPolicy.SPOT)
ON_DEMAND_USD = 0.8048


def test_the_zone_is_the_cheapest_one_and_the_price_on_demand_stands_beside_it(account: Account) -> None:
    plan = plan_up(account, UpRequest(wish=L4))
    assert (plan.market, plan.type.name, plan.zone) == (Market.SPOT, "g6.xlarge", "us-east-1b")
    assert dict(plan.machine.parameters)[MachineParameter.MARKET] == "spot"
    assert plan.price is not None
    assert plan.price.usd == pytest.approx(0.4 * ON_DEMAND_USD, abs=1e-6)
    assert plan.on_demand is not None
    assert plan.on_demand.usd == ON_DEMAND_USD
    instance = plan.bill.lines[0]
    assert (instance.what, instance.usd_per_hour_running) == ("instance g6.xlarge, spot", plan.price.usd)
    assert "spot" in instance.source
    assert plan.quota is not None
    assert plan.quota.code == "L-3819A6DF"
    assert any("starts it again by itself" in note and "bills again" in note for note in plan.notes)


def test_a_zone_that_is_asked_for_has_its_own_price(account: Account) -> None:
    plan = plan_up(account, UpRequest(wish=replace(L4, types=("g6.xlarge",)), zone="us-east-1a"))
    assert plan.zone == "us-east-1a"
    assert plan.price is not None
    assert plan.price.usd == pytest.approx(0.5 * ON_DEMAND_USD, abs=1e-6)


def test_either_market_takes_the_cheaper_and_passes_over_one_without_quota(
    account: Account, faults: Faults
) -> None:
    either = UpRequest(wish=replace(L4, spot=SpotPolicy.AUTO))
    assert plan_up(account, either).market is Market.SPOT
    faults(quota={"L-3819A6DF": 0})
    plan = plan_up(account, either)
    assert (plan.market, plan.type.name) == (Market.ON_DEMAND, "g6.xlarge")
    assert plan.price == plan.on_demand
    assert dict(plan.machine.parameters)[MachineParameter.MARKET] == "on-demand"
    assert not any("spot" in note for note in plan.notes)


def test_what_is_too_dear_on_demand_may_be_had_on_the_spot_market(account: Account) -> None:
    plan = plan_up(account, UpRequest(wish=replace(L4, max_price=0.35)))
    assert plan.type.name == "g6.xlarge"
    assert plan.offers is not None
    assert all(one.price.usd <= 0.35 for one in plan.offers.offers)
    with pytest.raises(DsEc2Error, match="no instance type in us-east-1 meets"):
        plan_up(account, UpRequest(wish=replace(L4, max_price=0.3)))


def test_prices_that_may_not_be_read_are_said_to_be_bounds(account: Account, faults: Faults) -> None:
    faults(fail_action={"ec2:DescribeSpotPriceHistory": ["UnauthorizedOperation", 403, "not for you"]})
    plan = plan_up(account, UpRequest(wish=L4))
    assert plan.price is not None
    assert plan.price.at_most
    assert plan.price.usd == ON_DEMAND_USD
    assert plan.bill.at_most
    assert any("could not be read" in note for note in plan.notes)


def test_an_offline_plan_has_an_upper_bound(account: Account) -> None:
    offline = plan_up_offline(account.region, UpRequest(wish=L4), local=True)
    assert (offline.market, offline.type.name) == (Market.SPOT, "g6.xlarge")
    assert offline.price is not None
    assert offline.price.at_most
    assert offline.bill.at_most
    either = replace(L4, spot=SpotPolicy.AUTO)
    assert plan_up_offline(account.region, UpRequest(wish=either)).market is Market.ON_DEMAND
