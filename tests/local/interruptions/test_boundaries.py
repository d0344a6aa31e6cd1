"""The command line is killed at the calls of `up`: the next command finishes or removes what is there."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CommandLine
from tests.local.interruptions.boundary import Boundary, Road

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.interruptions.conftest import Desk

pytestmark = pytest.mark.local

UP = ("up", "--yes", "--instance-type", "t3.micro")
DOWN = ("down", "work", "--yes", "--data", "delete")
LONGEST_HOLD, SWEEP = timedelta(minutes=10), timedelta(minutes=5)
CALLS_OF_UP = 60
"""A little more than it makes, the network included."""


class Victim:
    """A user whose command line is killed on its road.

    Args:
        desk: Another terminal of the same user, with a road of its own.
        road: This one's.
        state: Where this one reads that the embedded AWS is at the end of the road.
    """

    def __init__(self, desk: Desk, road: Road, state: Path) -> None:
        self.desk, self.road = desk, road
        told = json.loads((desk.aws.state / "endpoint.json").read_text())
        (state / "local").mkdir(parents=True)
        (state / "local" / "endpoint.json").write_text(json.dumps(told | {"endpoint_url": road.url}))
        environment = desk.command.environment | {"DS_EC2_STATE": str(state)}
        self._command = CommandLine(environment, ("--local",))

    def killed(self, end: Boundary | int | None) -> int:
        """Run `up`; return its exit status, minus nine where it was killed."""
        process = subprocess.Popen(
            self._command.arguments(*UP),
            env=self._command.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.road.begin(end, process.kill)
        _, said = process.communicate(timeout=60)
        assert "Traceback" not in said, said
        return process.returncode

    def chain(self, end: Boundary | int, *, finish: bool) -> None:
        """Die at a boundary; finish the `up` or not, remove all of it, and look."""
        status = self.killed(end)
        assert status == -signal.SIGKILL or (isinstance(end, int) and status == 0), end
        self.no_machine_without_a_stack()
        for held in self.desk.held():  # the account's function comes by every five minutes
            assert held["EndDate"] + SWEEP <= datetime.now(UTC) + LONGEST_HOLD, held
        if finish:
            up = self.desk(*UP)
            assert up.returncode == 0 or "work exists already" in up.stderr, f"{end}\n{up.stderr}"
            assert self.desk("ls").stdout == "work\n"
        down = self.desk(*DOWN)
        assert down.returncode == 0 or "there is no machine work" in down.stderr, f"{end}\n{down.stderr}"
        assert self.desk.left() == [], end

    def no_machine_without_a_stack(self) -> None:
        stacks = {stack["StackName"] for stack in self.desk.stacks()}
        pages = self.desk.aws.client("ec2").get_paginator("describe_instances").paginate()
        instances = [one for page in pages for each in page["Reservations"] for one in each["Instances"]]
        for one in instances:
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            gone = one["State"]["Name"] in {"shutting-down", "terminated"}
            assert gone or tags["aws:cloudformation:stack-name"] in stacks, one


@pytest.fixture(scope="module")
def victim(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with Road(desk.aws.endpoint_url) as road:
        yield Victim(desk, road, tmp_path_factory.mktemp("victim"))


@pytest.mark.slow
def test_killed_before_and_after_every_call_that_changes_something(victim: Victim) -> None:
    """With a network and without one; each second time the `up` is finished before all is removed."""
    assert victim.killed(None) == 0
    first = [call for call in victim.road.calls if call.changes]
    assert {"CreateCapacityReservation", "CancelCapacityReservation"} <= {call.action for call in first}
    assert victim.desk(*DOWN).returncode == 0
    assert victim.killed(None) == 0
    with_network = [call for call in victim.road.calls if call.changes]
    assert victim.desk(*DOWN).returncode == 0
    of_network = len(first) - len(with_network)
    assert of_network, "the first up made the network"
    ends = [Boundary(call, heard) for call in with_network for heard in (False, True)]
    for index, end in enumerate(ends):
        victim.chain(end, finish=bool(index % 2))
    for call in first[:of_network]:
        assert victim.desk("network", "down", "--yes").returncode == 0
        victim.chain(Boundary(call, heard=True), finish=True)


@pytest.mark.timeout(24 * 3600)
def test_killed_at_random_calls(victim: Victim, soak: int) -> None:
    """Longer, reads included, and never twice the same: `make soak`."""
    if not soak:
        pytest.skip("a soak test: make soak")
    dice = random.SystemRandom()
    for number in range(soak):
        end = dice.randrange(2 * CALLS_OF_UP)
        side = "after" if end % 2 else "before"
        sys.stdout.write(f"round {number + 1}: killed {side} call {end // 2} of up\n")
        victim.chain(end, finish=dice.random() < 0.5)
        if dice.random() < 0.2:
            assert victim.desk("network", "down", "--yes").returncode == 0
