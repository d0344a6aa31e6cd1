"""An embedded AWS of records whose machines answer at once, and whose capacity the tests decide about."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.conftest import start_server
from tests.local.interruptions.stand_in import StandIn

from ds_ec2.aws.account import Keys, open_account

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.local.conftest import LocalAws

    from ds_ec2.aws.account import Account
    from ds_ec2.model.steps import Step

REGIONS = ("us-east-1", "us-west-2")


@dataclass
class _Elsewhere:
    """The same AWS, as the stand-in sees it, in another region."""

    aws: LocalAws
    region: str

    def client(self, service: str, key: str) -> Any:
        return self.aws.client(service, key, self.region)


@dataclass
class Ground:
    """One AWS for the tests of this folder."""

    aws: LocalAws

    def account(self, region: str = REGIONS[0]) -> Account:
        keys = Keys("AKIALOCALANA00000000", "any")
        return open_account(region, endpoint=self.aws.endpoint_url, keys=keys, flags=" --local")

    def short(self, *rows: dict[str, str], **others: Any) -> None:
        """Have no capacity for these (zone, instance_type)."""
        self.aws.call("POST", "/_local/faults", {"insufficient_capacity": list(rows)} | others)

    def asked(self) -> list[tuple[str, int]]:
        """Return the calls that ask for capacity, with their status; those of the way out too."""
        wanted = {"CreateCapacityReservation", "RunInstances", "StartInstances"}
        every = self.aws.call("GET", "/_local/log")
        return [(one["action"], one["status"]) for one in every if one["action"] in wanted]

    def held(self, region: str = REGIONS[0]) -> list[str]:
        """Return the ids of the active reservations."""
        found = self.aws.client("ec2", region=region).describe_capacity_reservations(
            Filters=[{"Name": "state", "Values": ["active"]}]
        )
        return [one["CapacityReservationId"] for one in found["CapacityReservations"]]

    def left(self) -> set[str]:
        """Return the stacks, and the zones of volumes that have a machine's name."""
        stacks = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        tagged = [{"Name": "tag-key", "Values": ["ds-ec2:name"]}]
        volumes = self.aws.client("ec2").describe_volumes(Filters=tagged)["Volumes"]
        return {stack["StackName"] for stack in stacks} | {one["AvailabilityZone"] for one in volumes}


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    home = tmp_path_factory.mktemp("capacity")
    (home / "requirements.txt").write_text("six\n")
    aws = start_server(home / "local", "--records-only")
    with ExitStack() as ends:
        ends.callback(aws.close)
        for region in REGIONS:
            ends.enter_context(StandIn(_Elsewhere(aws, region)))  # type: ignore[arg-type] # all that it asks for is a client
        yield Ground(aws)


@pytest.fixture(autouse=True)
def nothing_is_short(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No fault outlives its test; no settings are read but its own."""
    monkeypatch.setenv("DS_EC2_STATE", str(ground.aws.state.parent))
    monkeypatch.setenv("DS_EC2_CONFIG", str(ground.aws.state.parent / "config.toml"))
    monkeypatch.delenv("DS_EC2_OWNER", raising=False)
    yield
    ground.aws.call("DELETE", "/_local/faults")


def steps_of(steps: Generator[Step, None, Any]) -> tuple[list[Step], Any]:
    """Run an operation to its end; return its steps, and its result or its error."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return seen, error
