"""`up` with a wish: the cheapest that fits, its zone, its quota; and how little is asked for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.local.operations.rounds import read_log, rounds

from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.names import MachineParameter
from ds_ec2.model.requests import UpRequest
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import Range, SpotPolicy, Wish
from ds_ec2.operations.offline import plan_up_offline
from ds_ec2.operations.up import plan_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.aws.account import Account

    Faults = Callable[..., None]

pytestmark = pytest.mark.local
GPU = UpRequest(wish=Wish(parse_gpu("24GB..")))
MOST_CALLS, MOST_ROUNDS = 12, 3


@pytest.mark.parametrize(
    "request_",
    [
        UpRequest(),
        GPU,
        UpRequest(wish=Wish(parse_gpu("80GB.."))),
        UpRequest(wish=Wish(parse_gpu("24GB.."), spot=SpotPolicy.AUTO)),
        UpRequest(wish=Wish(parse_gpu("80GB.."), spot=SpotPolicy.SPOT)),
    ],
    ids=["default", "24GB", "80GB", "24GB-auto", "80GB-spot"],
)
def test_a_plan_makes_few_calls_in_few_rounds(account: Account, faults: Faults, request_: UpRequest) -> None:
    plan_up(account, request_)  # clients are made once
    faults(latency_ms=400)
    before = len(read_log(account))
    plan_up(account, request_)
    made = read_log(account)[before:]
    told = [f"{one['service']}:{one['action']}" for one in made]
    assert 8 <= len(made) <= MOST_CALLS, told
    assert rounds(made) <= MOST_ROUNDS, told
    assert all(one["action"].startswith(("Describe", "Get", "Simulate")) for one in made), told


def test_a_wish_gets_the_cheapest_and_everything_fits_it(account: Account) -> None:
    plan = plan_up(account, GPU)
    assert plan.type.name == plan.request.instance_type == "g6.xlarge"
    assert dict(plan.machine.parameters)[MachineParameter.INSTANCE_TYPE] == "g6.xlarge"
    assert "nvidia" in plan.image.source
    assert plan.quota is not None
    assert plan.quota.enough
    assert plan.offers is not None
    assert plan.offers.offers[0].type.name == "g6.xlarge"
    assert plan.offers.total > len(plan.offers.offers) == 12
    assert plan.bill.usd_per_hour_running is not None
    assert plan.bill.usd_per_hour_running > 0.8048


def test_a_type_whose_quota_is_too_small_is_passed_over(account: Account, faults: Faults) -> None:
    wish = Wish(parse_gpu("80GB.."), cpus=Range(16))
    faults(quota={"L-DB2E81BA": 8, "L-417A185B": 16})
    plan = plan_up(account, UpRequest(wish=wish))
    assert plan.offers is not None
    first = plan.offers.offers[0]
    assert first.type.name == "g7e.4xlarge"
    assert first.quota is not None
    assert not first.quota.enough
    assert plan.type.name == "p5.4xlarge"


def test_where_no_quota_is_enough_the_cheapest_is_planned_and_the_plan_says_so(
    account: Account, faults: Faults
) -> None:
    faults(quota={"L-DB2E81BA": 0, "L-417A185B": 0})
    plan = plan_up(account, GPU)
    assert plan.type.name == "g6.xlarge"
    assert plan.quota is not None
    assert not plan.quota.enough
    assert any("L-DB2E81BA" in note for note in plan.notes)


def test_the_zone_that_is_asked_for_sells_the_type_that_is_chosen(account: Account) -> None:
    plan = plan_up(account, replace(GPU, zone="us-east-1e", wish=Wish(parse_gpu("16GB.."))))
    assert plan.zone == "us-east-1e"
    assert plan.type.name == "p5.4xlarge"
    with pytest.raises(DsEc2Error, match="meets --gpu L4 --zone us-east-1e") as caught:
        plan_up(account, replace(GPU, zone="us-east-1e", wish=Wish(parse_gpu("L4"))))
    assert "without --zone" in caught.value.why


def test_a_type_that_is_named_must_meet_the_wish(account: Account) -> None:
    wish = Wish(parse_gpu("L4"), types=("g6.2xlarge",))
    assert plan_up(account, UpRequest(wish=wish)).type.name == "g6.2xlarge"
    with pytest.raises(DsEc2Error, match="no instance type"):
        plan_up(account, UpRequest(wish=replace(wish, types=("g5.xlarge",))))


def test_a_wish_for_what_cannot_be_made_is_told_with_the_way_out(account: Account) -> None:
    with pytest.raises(DsEc2Error, match="no known price") as priced:
        plan_up(account, UpRequest(wish=Wish(parse_gpu("RTX PRO 4500"))))
    assert "catalog refresh" in priced.value.hint
    with pytest.raises(UsageError, match="A10") as named:
        plan_up(account, UpRequest(wish=Wish(parse_gpu("A10"))))
    assert "A10G" in named.value.why


@pytest.mark.parametrize("request_", [UpRequest(), GPU, UpRequest(instance_type="m7g.large")])
def test_an_offline_plan_costs_as_the_real_one_does(account: Account, request_: UpRequest) -> None:
    real, offline = plan_up(account, request_), plan_up_offline("us-east-1", request_, local=True)
    assert (offline.type.name, offline.root_gib, offline.data_gib) == (
        real.type.name, real.root_gib, real.data_gib,
    )  # fmt: skip
    assert offline.bill == real.bill
    assert offline.image.source == real.image.source
    assert offline.account_id == ""


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (UpRequest(instance_type="g6.xlrge"), "no instance type 'g6.xlrge'"),
        (UpRequest(zone="us-east-1z"), "us-east-1z does not sell"),
        (UpRequest(name="Work!"), "cannot name a machine"),
    ],
)
def test_an_offline_plan_refuses_what_is_known_to_be_wrong(request_: UpRequest, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        plan_up_offline("us-east-1", request_)
    assert caught.value.hint
