"""Environments as operations: a machine that goes on running while its packages change."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from tests.local.operations.steps import done
from tests.local.operations.test_main_job import down

from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import NETWORK_STACK, MachineParameter, NetworkOutput
from ds_ec2.model.requests import UpRequest
from ds_ec2.model.steps import StepState
from ds_ec2.operations.documents import read_document
from ds_ec2.operations.environments import (
    apply_environment,
    lock_environment,
    plan_environment,
    show_environment,
)
from ds_ec2.operations.machines import find
from ds_ec2.operations.network import apply_network_down, plan_network_down
from ds_ec2.operations.power import start, stop
from ds_ec2.operations.shell import shell
from ds_ec2.operations.stacks import change_stack
from ds_ec2.operations.up import apply_up, plan_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from ds_ec2.aws.account import Account
    from ds_ec2.model.environment import EnvironmentResult
    from ds_ec2.model.machine import Machine

pytestmark = [pytest.mark.local, pytest.mark.slow]
NAME = "env"


def apply(account: Account, wish: Path | Sequence[str] | None) -> EnvironmentResult:
    document = read_document(wish) if wish else None
    return done(apply_environment(account, plan_environment(account, NAME, document)))


def stack_value(account: Account) -> str:
    stack = account.stacks.find(find(account, NAME).stack)
    assert stack is not None
    return stack.parameters[MachineParameter.PACKAGES]


def until_finished(account: Account) -> None:
    deadline = time.monotonic() + 120
    while show_environment(account, NAME).apply_state != "done" and time.monotonic() < deadline:
        time.sleep(0.5)


@pytest.fixture(scope="module")
def machine(account: Account) -> Iterator[Machine]:
    request = UpRequest(name=NAME, instance_type="m7i.large", data_gib=1, packages="toolz", wait_ready=True)
    yield done(apply_up(account, plan_up(account, request)))
    network = account.stacks.find(NETWORK_STACK)
    assert network is not None
    assert account.buckets.count(network.outputs[NetworkOutput.BUCKET]) > 0
    down(account, NAME)
    assert account.buckets.count(network.outputs[NetworkOutput.BUCKET]) == 0, (
        "documents go with their machine"
    )
    done(apply_network_down(account, plan_network_down(account)))


def test_a_change_is_shown_made_and_told(
    account: Account, machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    wish = read_document(("toolz", "sortedcontainers"))
    plan = plan_environment(account, NAME, wish)
    assert plan.difference is not None
    assert (list(plan.difference.added), plan.difference.removed, plan.same) == (
        ["sortedcontainers"],
        {},
        False,
    )
    assert stack_value(account) == "toolz\n", "a plan changes nothing"
    steps = list(apply_environment(account, plan))
    assert any("sortedcontainers==" in step.title for step in steps if step.state is StepState.LOG)
    assert {step.key for step in steps if step.state is StepState.DONE} == {"machine", "environment"}
    assert stack_value(account) == "toolz\nsortedcontainers\n"
    state = show_environment(account, NAME)
    assert {"toolz", "sortedcontainers", "jupyterlab"} <= state.packages.keys()
    assert (state.kind, state.stack_differs, state.apply_state) == ("requirements", False, "done")
    assert find(account, NAME).instance_id == machine.instance_id
    command = "python -c 'import sys, sortedcontainers; print(sys.prefix)'"
    assert shell(account, NAME, command) == 0
    assert capfd.readouterr().out.strip().endswith("/data/ds-ec2/env")


@pytest.mark.usefixtures("machine")
def test_one_that_fails_leaves_machine_and_stack_as_they_were(account: Account) -> None:
    value, before = stack_value(account), show_environment(account, NAME)
    with pytest.raises(DsEc2Error, match="cannot be had on env") as caught:
        plan_environment(account, NAME, read_document(("toolz==0.0.99",)))
    assert "toolz==0.0.99" in caught.value.why
    good = plan_environment(account, NAME, read_document(("toolz",)))
    from dataclasses import replace

    with pytest.raises(DsEc2Error, match="the one before works, and the stack names its document") as caught:
        done(apply_environment(account, replace(good, value="toolz==0.0.99\n")))
    assert "toolz==0.0.99" in caught.value.why
    assert stack_value(account) == value
    after = show_environment(account, NAME)
    assert (after.packages, after.document) == (before.packages, before.document)
    assert (after.apply_state, after.stack_differs) == ("failed", False)


@pytest.mark.usefixtures("machine")
def test_what_is_locked_travels_by_the_bucket_and_changes_nothing(
    account: Account, tmp_path: Path, s3: S3Client
) -> None:
    before = show_environment(account, NAME).packages
    path = tmp_path / "locked.txt"
    path.write_text(lock_environment(account, NAME))
    assert "://" not in path.read_text()
    plan = plan_environment(account, NAME, read_document(path))
    assert plan.difference is not None
    assert plan.difference.nothing
    result = done(apply_environment(account, plan))
    assert result.difference is not None
    assert result.difference.nothing
    assert show_environment(account, NAME).packages == before
    reference = json.loads(stack_value(account))
    network = account.stacks.find(NETWORK_STACK)
    assert network is not None
    s3.head_object(Bucket=network.outputs[NetworkOutput.BUCKET], Key=reference["key"])


@pytest.mark.usefixtures("machine")
def test_a_machine_that_rests_hears_of_it_at_its_next_start(account: Account) -> None:
    done(stop(account, NAME))
    plan = plan_environment(account, NAME, read_document(("sortedcontainers",)))
    assert (plan.difference, plan.notes) == (None, ("env is stopped: the next start applies it",))
    assert done(apply_environment(account, plan)).difference is None
    assert stack_value(account) == "sortedcontainers\n"
    done(start(account, NAME))
    until_finished(account)
    packages = show_environment(account, NAME).packages
    assert "sortedcontainers" in packages
    assert "toolz" not in packages


@pytest.mark.usefixtures("machine")
def test_a_machine_that_is_made_again_gets_what_it_had(account: Account) -> None:
    before = show_environment(account, NAME)
    account.ec2._client.terminate_instances(InstanceIds=[find(account, NAME).instance_id])  # by somebody else
    assert find(account, NAME).status is MachineStatus.GONE
    plan = plan_up(account, UpRequest(name=NAME, instance_type="m7i.large"))
    assert plan.packages == before.document + "\n"
    assert any("packages of the env that is gone" in note for note in plan.notes)
    done(apply_up(account, plan))
    until_finished(account)
    after = show_environment(account, NAME)
    assert (after.packages, after.document) == (before.packages, before.document)


@pytest.mark.usefixtures("machine")
def test_no_change_of_a_parameter_replaces_the_machine(account: Account) -> None:
    before = find(account, NAME)
    with pytest.raises(DsEc2Error, match="was not changed") as caught:
        done(change_stack(account, before.stack, {MachineParameter.ROOT_GIB: "40"}))
    assert "Instance (AWS::EC2::Instance)" in caught.value.why
    assert find(account, NAME).instance_id == before.instance_id
    [steps] = [list(change_stack(account, before.stack, {MachineParameter.PACKAGES: stack_value(account)}))]
    assert steps[-1].detail == "unchanged"
    assert account.stacks._client.list_change_sets(StackName=before.stack)["Summaries"] == []


@pytest.mark.usefixtures("machine")
def test_without_a_document_the_stacks_own_is_applied_again(account: Account) -> None:
    plan = plan_environment(account, NAME, None)
    assert (plan.same, plan.value) == (True, plan.before)
    began = time.monotonic()
    assert done(apply_environment(account, plan)).difference is not None
    assert time.monotonic() - began < 10
    with pytest.raises(UsageError, match="does not exist"):
        apply(account, ("none.txt",))
