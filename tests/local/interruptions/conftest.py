"""An embedded AWS of records for the real command line, and Ctrl-C at a chosen moment."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import CommandLine, private_environment
from tests.local.conftest import LocalAws, start_server
from tests.local.interruptions.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
_WITHIN_S = 60.0
Moment = str | int
"""A line of progress, by its beginning; or the number of calls that have been made."""


@dataclass
class Desk:
    """A user at a terminal, and the embedded AWS that this user's commands reach."""

    command: CommandLine
    aws: LocalAws

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; whatever it says, it says it in its own words."""
        run = self.command(*words, ok=False, timeout_s=_WITHIN_S)
        assert "Traceback" not in run.stderr, run.stderr
        return run

    def interrupted(self, moment: Moment, *words: str) -> int:
        """Run a command, press Ctrl-C at a moment, and return its exit status."""
        before = self._calls()
        process = subprocess.Popen(
            self.command.arguments(*words),
            env=self.command.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        seen = ""
        assert process.stderr
        if isinstance(moment, str):
            for line in process.stderr:
                seen += line
                if line.startswith(moment):
                    break
            else:
                pytest.fail(f"{words} did not say {moment!r}:\n{seen}")
        else:
            deadline = time.monotonic() + _WITHIN_S
            while self._calls() - before < moment and process.poll() is None:
                assert time.monotonic() < deadline, f"{words} made no {moment} calls"
                time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=_WITHIN_S)
        seen += rest
        assert "Traceback" not in seen, seen
        assert (process.returncode == INTERRUPTED) == ("Interrupted." in seen), seen
        return process.returncode

    def _calls(self) -> int:
        lines = (self.aws.state / "requests.jsonl").read_text().splitlines()
        return sum('"principal": "ana"' in line for line in lines)

    def left(self) -> list[str]:
        """Return everything in the account that carries a machine's tags or name."""
        ec2, ssm = self.aws.client("ec2"), self.aws.client("ssm")
        tagged = [{"Name": "tag-key", "Values": ["ds-ec2:name"]}]
        reservations = ec2.describe_instances(Filters=tagged)["Reservations"]
        return [
            *(stack["StackName"] for stack in self.stacks() if stack["StackName"] != "ds-ec2-network"),
            *(
                one["InstanceId"]
                for reservation in reservations
                for one in reservation["Instances"]
                if one["State"]["Name"] not in {"shutting-down", "terminated"}
            ),
            *(one["CapacityReservationId"] for one in self.held()),
            *(one["VolumeId"] for one in ec2.describe_volumes(Filters=tagged)["Volumes"]),
            *(one["SnapshotId"] for one in ec2.describe_snapshots(Filters=tagged)["Snapshots"]),
            *(
                one["Name"]
                for page in ssm.get_paginator("describe_parameters").paginate()
                for one in page["Parameters"]
                if one["Name"].startswith("/ds-ec2/")
            ),
            *(
                one["RoleName"]
                for one in self.aws.client("iam").list_roles()["Roles"]
                if one["RoleName"].startswith("ds-ec2-ana-")
            ),
        ]

    def held(self) -> list[Any]:
        """Return the capacity reservations that bill."""
        active = [{"Name": "state", "Values": ["active"]}]
        found = self.aws.client("ec2").describe_capacity_reservations(Filters=active)
        return list(found["CapacityReservations"])

    def stacks(self) -> list[Any]:
        found: list[Any] = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        return [stack for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk")
    packages = home / "requirements.txt"
    packages.write_text("six\n")
    environment = private_environment(home) | {
        "DS_EC2_STATE": str(home),
        "DS_EC2_REQUIREMENTS": str(packages),
        "DS_EC2_DATA_GIB": "1",
    }
    aws = start_server(home / "local", "--records-only")
    # A shell that starts the tests in the background has them, and their children, ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with StandIn(aws):
            yield Desk(CommandLine(environment, ("--local",)), aws)
    finally:
        signal.signal(signal.SIGINT, before)
        aws.close()
