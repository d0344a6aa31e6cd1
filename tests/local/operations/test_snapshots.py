"""What `down` kept is what a later `up` can begin with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.operations.steps import done

from ds_ec2.errors import UsageError
from ds_ec2.model.plans import StackAction, StackPlan
from ds_ec2.model.requests import DataFate, DownRequest, UpRequest
from ds_ec2.operations.down import apply_down, plan_down
from ds_ec2.operations.stacks import make_stack, remove_stack, stack_tags
from ds_ec2.operations.up import plan_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.aws.account import Account

pytestmark = pytest.mark.local
GIB = 70


def make_data(account: Account, plan: StackPlan) -> Any:
    return done(make_stack(account, plan, dict(plan.parameters), stack_tags("data", "ana", "paper")))


def content(volume: str) -> Path:
    return Path(os.environ["DS_EC2_STATE"], "local", "volumes", volume, "notes.txt")


@pytest.fixture(scope="module")
def kept(account: Account) -> Iterator[str]:
    """A snapshot of a volume that somebody wrote to."""
    plan = plan_up(account, UpRequest(name="paper", data_gib=GIB)).data
    volume = make_data(account, plan).outputs["DataVolumeId"]
    content(volume).parent.mkdir(parents=True, exist_ok=True)
    content(volume).write_text("precious")
    down = plan_down(account, DownRequest("paper", DataFate.KEEP_SNAPSHOT))
    (left,) = done(apply_down(account, down)).leftovers
    yield left.id
    account.ec2.delete_snapshot(left.id)


def test_a_new_volume_has_what_the_snapshot_holds(account: Account, kept: str) -> None:
    plan = plan_up(account, UpRequest(name="paper", snapshot=kept, initialization_rate=300))
    assert plan.data_gib == GIB
    assert any("bills once" in note for note in plan.notes)
    stack = make_data(account, plan.data)
    try:
        assert content(stack.outputs["DataVolumeId"]).read_text() == "precious"
        again = plan_up(account, UpRequest(name="paper", snapshot=kept))
        assert again.data.action is StackAction.KEEP
        other = account.ec2.make_snapshot(stack.outputs["DataVolumeId"], "", {"Name": "other"})
        with pytest.raises(UsageError, match="paper has a data volume already"):
            plan_up(account, UpRequest(name="paper", snapshot=other))
        account.ec2.delete_snapshot(other)
    finally:
        done(remove_stack(account, stack, "data"))


def test_slow_first_reads_are_told(account: Account, kept: str) -> None:
    notes = plan_up(account, UpRequest(name="paper", snapshot=kept)).notes
    assert any("first reads are slow; --initialization-rate 300" in note for note in notes)


@pytest.mark.parametrize(
    ("snapshot", "rate", "words"),
    [
        ("notes", None, "'notes' is no snapshot id"),
        ("snap-0123456789abcdef0", None, "there is no snapshot snap-0123456789abcdef0"),
        (None, 300, "a blank volume is not initialized"),
    ],
)
def test_what_cannot_be_begun_with_is_refused(
    account: Account, snapshot: str | None, rate: int | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        plan_up(account, UpRequest(snapshot=snapshot, initialization_rate=rate))
    assert caught.value.hint
