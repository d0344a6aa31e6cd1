"""`quota show|request` on an embedded AWS that decides as it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.local.operations.steps import done

from ds_ec2.console.quotas import quota_plan, quota_request, quota_table
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.offers import Market
from ds_ec2.model.requests import UpRequest
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import Range, SpotPolicy, Wish
from ds_ec2.operations.quotas import apply_request, follow, plan_request, show_quotas
from ds_ec2.operations.up import plan_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.aws.account import Account

    Faults = Callable[..., None]

pytestmark = pytest.mark.local
H100 = Wish(parse_gpu("H100"))


@pytest.fixture
def there(account: Account) -> Account:
    """A region of its own: what is approved stays."""
    return account.elsewhere("us-west-2")


def test_every_class_is_shown_on_both_markets(account: Account, faults: Faults) -> None:
    faults(quota={"L-DB2E81BA": 8})
    shown = {one.code: one for one in show_quotas(account)}
    assert len(shown) == 19
    assert (shown["L-DB2E81BA"].name, shown["L-DB2E81BA"].limit) == ("G and VT on demand", 8)
    assert shown["L-E3A00192"].name == "X spot"
    first, title, *lines = quota_table("us-east-1", list(shown.values())).splitlines()
    assert first == "vCPUs in us-east-1"
    assert title.split() == ["MACHINES", "LIMIT", "USED", "FREE", "ASKED", "CODE"]
    assert lines[1].split() == ["G", "and", "VT", "on", "demand", "8", "0", "8", "-", "L-DB2E81BA"]


def test_a_request_is_for_what_runs_and_the_machine_and_up_then_works(there: Account) -> None:
    assert (before := plan_up(there, UpRequest(wish=H100)).quota)
    assert not before.enough
    plan = plan_request(there, "m7i.large", H100, None)
    assert (plan.type.name, plan.market, plan.value) == ("p5.4xlarge", Market.ON_DEMAND, 16)
    assert "a limit of 16 vCPU" in quota_plan(plan)
    asked = apply_request(there, plan)
    assert asked.status == "PENDING"
    assert "follow  ds-ec2 quota" in quota_request(asked, "ds-ec2 quota request --follow")
    assert next(one.asked for one in show_quotas(there) if one.code == "L-417A185B") == 16
    assert done(follow(there, asked)).status == "APPROVED"
    assert (after := plan_up(there, UpRequest(wish=H100)).quota)
    assert after.enough
    with pytest.raises(DsEc2Error, match=r"p5\.4xlarge fits already") as caught:
        plan_request(there, "m7i.large", H100, None)
    assert "ds-ec2 up --instance-type p5.4xlarge --local --region us-west-2" in caught.value.hint
    assert plan_request(there, "m7i.large", H100, 32).value == 32


def test_an_open_request_is_followed_and_no_second_one_made(there: Account, faults: Faults) -> None:
    faults(quota_decision="CASE_OPENED")
    wish = Wish(types=("x8g.large",))
    first = apply_request(there, plan_request(there, "m7i.large", wish, None))
    again = plan_request(there, "m7i.large", wish, 8)
    assert again.open is not None
    assert (again.open.id, again.open.value) == (first.id, 4)
    assert "asked already  4 vCPU, PENDING" in quota_plan(again)
    assert apply_request(there, again).id == first.id
    steps = follow(there, first)
    words = [next(steps).detail]
    while words[-1] == "PENDING":
        words.append(next(steps).detail)
    assert words[-1] == "CASE_OPENED"
    steps.close()


def test_a_request_made_a_moment_ago_by_somebody_else_is_taken(there: Account, faults: Faults) -> None:
    faults(quota_decision="PENDING")
    plan = plan_request(there, "trn1.2xlarge", None, None)
    theirs = apply_request(there, plan)
    assert apply_request(there, plan).id == theirs.id


def test_a_request_that_is_denied_says_where_to_ask(there: Account, faults: Faults) -> None:
    faults(quota_decision="DENIED")
    asked = apply_request(there, plan_request(there, "hpc7g.4xlarge", None, None))
    with pytest.raises(DsEc2Error, match="did not approve 16 vCPU: DENIED") as caught:
        done(follow(there, asked))
    assert "--vcpus N" in caught.value.hint


def test_spot_has_a_quota_of_its_own(there: Account, faults: Faults) -> None:
    faults(quota={"L-3819A6DF": 0})
    plan = plan_request(
        there, "m7i.large", Wish(parse_gpu("L4"), cpus=Range(4, 4), spot=SpotPolicy.SPOT), None
    )
    assert (plan.market, plan.quota.code, plan.name) == (Market.SPOT, "L-3819A6DF", "G and VT spot")


def test_what_has_no_quota_is_told(there: Account) -> None:
    with pytest.raises(DsEc2Error, match=r"no quota is known that mac2\.metal"):
        plan_request(there, "mac2.metal", None, None)
