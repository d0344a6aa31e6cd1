"""In which order machines are tried, and what is held."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from ds_ec2.aws.account import Account
from ds_ec2.catalog.embedded import embedded
from ds_ec2.console.attempts import hold, otherwise
from ds_ec2.model.bill import Price
from ds_ec2.model.offers import Market
from ds_ec2.model.plans import Quota
from ds_ec2.model.requests import UpRequest
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import SpotPolicy, Wish
from ds_ec2.operations.attempts import Known, attempts_of, holds
from ds_ec2.operations.facts import Facts
from ds_ec2.operations.machines import Inventory
from ds_ec2.operations.offline import plan_up_offline
from ds_ec2.operations.waiting import waits

if TYPE_CHECKING:
    from ds_ec2.model.plans import UpPlan
    from ds_ec2.operations.choice import Choice

REGION = "us-east-1"
CATALOGUE = embedded(REGION)
GPU = Wish(parse_gpu("L4:1"))


def known(plan: UpPlan, zones: str = "abc") -> Known:
    names = [one.type.name for one in plan.offers.offers] if plan.offers else [plan.type.name]
    types = {name: kind for name in names if (kind := CATALOGUE.type(name))}
    facts = Facts(
        account_id="1", owner="ana", types=types, sellers={}, zones=(), inventory=Inventory((), ()),
        room=None, images={}, candidates=tuple(names), spot={},
        permissions=Future(), vpcs=None,
    )  # fmt: skip
    places = tuple(f"{REGION}{letter}" for letter in zones)

    def zones_of(choice: Choice) -> tuple[str, ...]:
        return tuple(zone for zone in places if choice.zones is None or zone in choice.zones)

    image = replace(plan.image, root_gib=75)
    return Known(facts, {plan.image.source: image}, zones_of)


def planned(request: UpRequest) -> UpPlan:
    return plan_up_offline(REGION, request)


def test_the_offers_in_their_order_and_the_zones_of_each() -> None:
    plan = planned(UpRequest(wish=GPU))
    assert plan.offers is not None
    found = attempts_of(plan, known(plan))
    names = [one.type.name for one in plan.offers.offers]
    assert names[0] == "g6.xlarge"
    assert [(one.type.name, one.zone) for one in found] == [
        (name, f"{REGION}{letter}") for name in names for letter in "abc"
    ]
    prices = [one.bill.usd_per_hour_running or 0 for one in found]
    assert prices == sorted(prices)
    assert found[0].bill == plan.bill


def test_a_named_type_has_its_zones_and_nothing_else() -> None:
    plan = planned(UpRequest(instance_type="m7i.large"))
    assert [one.title for one in attempts_of(plan, known(plan))] == [
        f"m7i.large in {REGION}{letter}" for letter in "abc"
    ]


def test_what_has_no_quota_or_no_image_is_left_out() -> None:
    plan = planned(UpRequest(wish=GPU))
    assert plan.offers is not None
    offers = list(plan.offers.offers)
    offers[1] = replace(offers[1], quota=Quota("L-DB2E81BA", 4, 0, 8))
    plan = replace(plan, offers=replace(plan.offers, offers=tuple(offers)))
    names = {one.type.name for one in attempts_of(plan, known(plan))}
    assert names == {one.type.name for one in offers} - {offers[1].type.name}
    assert {one.type.name for one in attempts_of(plan, replace(known(plan), images={}))} == {"g6.xlarge"}
    short = replace(plan, quota=Quota("L-DB2E81BA", 0, 0, 4))
    assert len(attempts_of(short, known(short))) == 1


def test_spot_comes_before_what_is_dearer_on_demand() -> None:
    plan = planned(UpRequest(wish=replace(GPU, spot=SpotPolicy.AUTO)))
    found = attempts_of(plan, known(plan))
    prices = [one.bill.usd_per_hour_running or 0 for one in found]
    assert prices == sorted(prices)
    assert {one.market for one in found} == {Market.SPOT, Market.ON_DEMAND}
    assert not [one for one in found if one.market is Market.SPOT and one.hold]


@pytest.mark.parametrize(
    ("name", "usd", "asked", "held"),
    [
        ("g6.xlarge", 0.8, None, True),
        ("g6.xlarge", 0.8, False, False),
        ("g5.48xlarge", 16.3, None, False),
        ("g5.48xlarge", 16.3, True, True),
        ("p5.4xlarge", 1.0, None, False),
        ("p5.4xlarge", 1.0, True, True),
        ("g6.xlarge", None, None, False),
        ("g6.xlarge", None, True, True),
    ],
)
def test_the_dear_are_held_only_when_asked(
    name: str,
    usd: float | None,
    asked: bool | None,  # noqa: FBT001 - a row of the table
    held: bool,  # noqa: FBT001 - as above
) -> None:
    kind = CATALOGUE.type(name)
    assert kind is not None
    price = Price(usd) if usd else None
    assert holds(UpRequest(hold=asked), kind, Market.ON_DEMAND, price) is held
    assert not holds(UpRequest(hold=asked), kind, Market.SPOT, price)


def test_the_plan_tells_what_is_tried_and_what_is_held() -> None:
    plan = planned(UpRequest(wish=GPU))
    found = attempts_of(plan, known(plan))
    text = otherwise(found)
    assert text.startswith("zone b, c; then g6.2xlarge ($1.00/h) in a, b, c; then ")
    assert text.endswith("then 3 more, at most $3.42/h")
    worst = max(one.hold_usd or 0 for one in found)
    assert f"at worst ${worst:.2f} (4 min, which AWS may end an hour late)" in hold(found)
    assert otherwise(found[:1]) == ""
    assert hold(tuple(replace(one, hold=False) for one in found)) == ""


def test_the_wait_doubles_up_to_ten_minutes() -> None:
    assert list(islice(waits(Account(REGION)), 7)) == [30, 60, 120, 240, 480, 600, 600]
