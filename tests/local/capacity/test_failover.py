"""Zone after zone, type after type, region after region: in the offers' order, each asked once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.capacity.conftest import steps_of

from ds_ec2.errors import UsageError
from ds_ec2.model.machine import Machine
from ds_ec2.model.names import DataParameter
from ds_ec2.model.requests import DataFate, DownRequest, UpRequest
from ds_ec2.model.steps import Step, StepState
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import Wish
from ds_ec2.operations import capacity
from ds_ec2.operations.capacity import NoCapacityError
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.failover import Way, apply_up_in, plan_up_in
from ds_ec2.operations.stacks import make_stack, stack_tags
from ds_ec2.operations.up import apply_up, plan_up

if TYPE_CHECKING:
    from tests.local.capacity.conftest import Ground

pytestmark = pytest.mark.local

ZONES = tuple(f"us-east-1{letter}" for letter in "abcdf")
SMALL = UpRequest(instance_type="t3.micro", data_gib=1)
GPU = replace(SMALL, name="gpu", wish=Wish(parse_gpu("24GB..")))
NETWORK = {"ds-ec2-network"}


def attempts(seen: list[Step], state: StepState) -> list[str]:
    return [step.title for step in seen if step.key.startswith("attempt:") and step.state is state]


def removed(ground: Ground, name: str) -> None:
    plan = plan_down(ground.account(), DownRequest(name, DataFate.DELETE))
    _, result = steps_of(apply_down(ground.account(), plan))
    assert result.leftovers == ()


def up(ground: Ground, request: UpRequest) -> tuple[list[Step], Any]:
    account = ground.account()
    return steps_of(apply_up(account, plan_up(account, request)))


def test_held_capacity_five_zones_then_the_next_type(ground: Ground) -> None:
    ground.short(
        {"instance_type": "g6.xlarge"}, *({"instance_type": "g6.2xlarge", "zone": zone} for zone in ZONES[:4])
    )
    before = len(ground.asked())
    plan = plan_up(ground.account(), GPU)
    assert [one.title for one in plan.attempts[:6]] == [
        *(f"g6.xlarge in {zone}" for zone in ZONES), "g6.2xlarge in us-east-1a",
    ]  # fmt: skip
    seen, machine = steps_of(apply_up(ground.account(), plan))
    assert isinstance(machine, Machine), machine
    assert (machine.instance_type, machine.zone) == ("g6.2xlarge", "us-east-1f")
    tried = [one.title for one in plan.attempts[:10]]
    assert attempts(seen, StepState.FAILED) == tried[:9]
    assert attempts(seen, StepState.DONE) == tried[9:]
    words = {step.detail for step in seen if step.state is StepState.FAILED}
    assert all("InsufficientInstanceCapacity: We currently do not have sufficient g6" in one for one in words)
    # The way out where it is new, nine calls that found nothing, the hold, and the machine in it.
    calls = [one for one in ground.asked()[before:] if one[0] != "StartInstances"]
    assert calls.count(("CreateCapacityReservation", 500)) == 9
    assert calls.count(("CreateCapacityReservation", 200)) == 1
    assert len(calls) - calls.count(("RunInstances", 200)) == 10
    assert calls.count(("RunInstances", 200)) <= 2
    assert ground.held() == []
    removed(ground, "gpu")


def test_what_may_not_be_held_is_tried_by_its_stack(ground: Ground) -> None:
    denied = ["UnauthorizedOperation", 403, "You are not authorized to perform this operation."]
    ground.short(
        *({"zone": zone} for zone in ZONES[:2]), fail_action={"ec2:CreateCapacityReservation": denied}
    )
    before = len(ground.asked())
    seen, machine = up(ground, SMALL)
    assert isinstance(machine, Machine), machine
    assert machine.zone == "us-east-1c"
    assert "not authorized" in next(step.detail for step in seen if step.key == "hold")
    assert attempts(seen, StepState.FAILED) == ["t3.micro in us-east-1a", "t3.micro in us-east-1b"]
    told = [
        step.detail for step in seen if step.key.startswith("attempt:") and step.state is StepState.FAILED
    ]
    assert all("do not have sufficient t3.micro capacity" in words for words in told)
    calls = [one for one in ground.asked()[before:] if one[0] != "StartInstances"]  # the way out may be woken
    assert calls == [
        ("CreateCapacityReservation", 403),
        ("RunInstances", 500),
        ("RunInstances", 500),
        ("RunInstances", 200),
    ]
    assert ground.left() == NETWORK | {"ds-ec2-ana-work", "ds-ec2-ana-work-data", "us-east-1c"}
    removed(ground, "work")


def test_where_nothing_is_free_it_says_what_was_tried_and_what_to_type(ground: Ground) -> None:
    ground.short({"instance_type": "t3.micro"})
    seen, error = up(ground, SMALL)
    assert isinstance(error, NoCapacityError), error
    assert [one.title for one in error.tried] == [f"t3.micro in {zone}" for zone in ZONES]
    assert len(error.why.splitlines()) == 5
    assert not [step for step in seen if step.key in {"data", "machine"}]
    _, error = steps_of(apply_up_in(plan_up_in((ground.account(),), SMALL)))
    first, *others = error.hint.splitlines()
    assert first.startswith("ds-ec2 up work --instance-type t3.micro --retry-until-up --local  #")
    assert [line.partition("  #")[0] for line in others] == [
        "ds-ec2 up work --instance-type t3.micro --spot --local",
        "ds-ec2 up work --instance-type t3.micro --regions us-east-1,us-west-2 --local",
    ]
    assert ground.left() == NETWORK


def test_an_attempt_has_a_budget(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "ATTEMPT_S", 0.1)
    _, error = up(ground, replace(SMALL, zone="us-east-1b"))
    assert isinstance(error, NoCapacityError), error
    assert "did not run within" in error.why
    assert ground.held() == []
    assert ground.left() == NETWORK


def test_a_quota_that_is_used_up_ends_a_class_and_not_the_search(ground: Ground) -> None:
    account = ground.account()
    plan = plan_up(account, GPU)
    ground.short(quota={"L-DB2E81BA": 4})  # after the plan: somebody else was faster
    plan = replace(plan, attempts=plan.attempts[5:10])
    _, error = steps_of(apply_up_in((Way(account, plan),)))
    assert isinstance(error, NoCapacityError), error
    assert len(error.tried) == 1
    assert "vCPU limit of 4" in error.why
    assert error.hint.startswith("ds-ec2 quota request --instance-type g6.xlarge --local\n")


def test_the_next_region_and_the_next_round(ground: Ground) -> None:
    accounts = tuple(ground.account(region) for region in ("us-east-1", "us-west-2"))
    ways = plan_up_in(accounts, SMALL)
    ground.short({"instance_type": "t3.micro"})
    steps, seen = apply_up_in(ways, iter([0.3, 0.3, 0.3])), []
    rounds = 0
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            machine = end.value
            break
        seen.append(step)
        if step.key == "wait" and step.state is StepState.DONE:
            rounds += 1
            if rounds == 2:
                ground.short(*({"zone": zone} for zone in ZONES))
    assert rounds == 2
    assert (machine.region, machine.zone) == ("us-west-2", "us-west-2a")
    assert any(step.title.startswith("nothing is free; next try at ") for step in seen)
    account = accounts[1]
    steps_of(apply_down(account, plan_down(account, DownRequest("work", DataFate.DELETE))))
    assert ground.left() == NETWORK


def test_data_that_is_kept_fixes_the_zone(ground: Ground) -> None:
    account = ground.account()
    plan = plan_up(account, SMALL)
    zone = plan.attempts[2].zone
    parameters = dict(plan.data.parameters) | {DataParameter.ZONE: zone}
    steps_of(make_stack(account, plan.data, parameters, stack_tags("data", "ana", "work")))
    again = plan_up(account, SMALL)
    assert [one.zone for one in again.attempts] == [zone]
    with pytest.raises(UsageError, match=f"the data of work is in {zone}"):
        plan_up_in((account, ground.account("us-west-2")), SMALL)
    removed(ground, "work")
