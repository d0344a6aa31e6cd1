"""Decisions about stacks and machines, as pure functions of what AWS says."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ds_ec2.aws.account import Account
from ds_ec2.aws.cloudformation import Event, Stack
from ds_ec2.aws.ec2 import Instance
from ds_ec2.errors import DsEc2Error, NotFoundError, UsageError
from ds_ec2.model.machine import Machine, MachineStatus
from ds_ec2.model.names import TAG_MANAGED_BY, TAG_NAME, TAG_OWNER, TAG_PART
from ds_ec2.model.plans import StackAction
from ds_ec2.model.requests import UpRequest
from ds_ec2.operations.limits import check_cidr, check_request
from ds_ec2.operations.machines import Inventory, machines_of, pick, reachable
from ds_ec2.operations.network import machines_on, network_zones
from ds_ec2.operations.planning import choose_zone
from ds_ec2.operations.shell import newest_key, read_key
from ds_ec2.operations.stacks import action_for

ACCOUNT = Account("us-east-1", flags=" --local")
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d")


def stack(
    name: str,
    status: str = "CREATE_COMPLETE",
    part: str = "machine",
    owner: str = "ana",
    outputs: dict[str, str] | None = None,
    **parameters: str,
) -> Stack:
    tags = {TAG_MANAGED_BY: "ds-ec2", TAG_PART: part}
    if part != "network":
        tags |= {TAG_OWNER: owner, TAG_NAME: name}
    suffix = "-data" if part == "data" else ""
    return Stack(
        id=f"arn:{name}{suffix}",
        name="ds-ec2-network" if part == "network" else f"ds-ec2-{owner}-{name}{suffix}",
        status=status,
        parameters=parameters,
        outputs=outputs or {},
        tags=tags,
        created_at=datetime(2026, 11, 24, tzinfo=UTC),
    )


def instance(name: str, state: str = "running", owner: str = "ana", number: int = 1) -> Instance:
    return Instance(f"i-{number}", "m7i.xlarge", state, "us-east-1a", {TAG_OWNER: owner, TAG_NAME: name}, 4)


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (None, StackAction.MAKE),
        ("DELETE_COMPLETE", StackAction.MAKE),
        ("CREATE_IN_PROGRESS", StackAction.WAIT),
        ("CREATE_COMPLETE", StackAction.KEEP),
        ("UPDATE_COMPLETE", StackAction.KEEP),
        ("UPDATE_ROLLBACK_COMPLETE", StackAction.KEEP),
        ("ROLLBACK_COMPLETE", StackAction.REMAKE),
        ("ROLLBACK_IN_PROGRESS", StackAction.REMAKE),
        ("CREATE_FAILED", StackAction.REMAKE),
        ("DELETE_FAILED", StackAction.REMAKE),
        ("DELETE_IN_PROGRESS", StackAction.REMAKE),
    ],
)
def test_a_stacks_status_says_what_to_do(status: str | None, action: StackAction) -> None:
    assert action_for(stack("work", status) if status else None, ACCOUNT) is action


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_stack_that_somebody_changes_is_left_alone(status: str) -> None:
    with pytest.raises(DsEc2Error, match="changed by somebody else") as caught:
        action_for(stack("work", status), ACCOUNT)
    assert status in caught.value.why


@pytest.mark.parametrize(
    ("status", "part", "words", "hint"),
    [
        ("REVIEW_IN_PROGRESS", "machine", "waits for a change set", "ds-ec2 down work --local"),
        ("REVIEW_IN_PROGRESS", "network", "waits for a change set", "ds-ec2 network down --local"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "data",
            "half-way back",
            "continue-update-rollback --stack-name ds-ec2-ana-",
        ),
        (
            "UPDATE_FAILED",
            "data",
            "cannot be used",
            "describe-stack-events --stack-name ds-ec2-ana-work-data",
        ),
    ],
)
def test_a_stack_that_rests_where_nothing_can_be_done_is_told(
    status: str, part: str, words: str, hint: str
) -> None:
    with pytest.raises(DsEc2Error, match=words) as caught:
        action_for(stack("work", status, part), ACCOUNT)
    assert hint in caught.value.hint
    assert status in caught.value.why


@pytest.mark.parametrize(
    ("status", "state", "told"),
    [
        ("CREATE_COMPLETE", "running", MachineStatus.RUNNING),
        ("CREATE_COMPLETE", "pending", MachineStatus.STARTING),
        ("UPDATE_COMPLETE", "stopping", MachineStatus.STOPPING),
        ("CREATE_COMPLETE", "stopped", MachineStatus.STOPPED),
        ("CREATE_COMPLETE", None, MachineStatus.GONE),
        ("CREATE_IN_PROGRESS", "running", MachineStatus.CREATING),
        ("REVIEW_IN_PROGRESS", "running", MachineStatus.PROPOSED),
        ("DELETE_IN_PROGRESS", "running", MachineStatus.DELETING),
        ("ROLLBACK_COMPLETE", None, MachineStatus.FAILED),
        ("DELETE_FAILED", "running", MachineStatus.FAILED),
    ],
)
def test_a_machine_is_told_from_its_stack_and_instance(
    status: str, state: str | None, told: MachineStatus
) -> None:
    instances = (instance("work", state),) if state else ()
    (machine,) = machines_of(ACCOUNT, Inventory((stack("work", status),), instances))
    assert machine.status is told


def test_a_machine_has_its_price_disks_and_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_EC2_STATE", str(tmp_path))  # no prices of whoever runs the tests
    stacks = (
        stack("work", "CREATE_COMPLETE", RootVolumeGiB="24", IdleMinutes="60"),
        stack("work", part="data", DataVolumeGiB="50", AvailabilityZone="us-east-1a"),
    )
    (machine,) = machines_of(ACCOUNT, Inventory(stacks[::-1], (instance("work"),)))
    assert (machine.disk_gib, machine.idle_minutes, machine.zone) == (74, 60, "us-east-1a")
    assert machine.usd_per_hour == pytest.approx(0.2016)
    assert machine.stack == "ds-ec2-ana-work"


def test_data_without_a_machine_is_shown() -> None:
    data = stack("work", part="data", DataVolumeGiB="50", AvailabilityZone="us-east-1b")
    (machine,) = machines_of(ACCOUNT, Inventory((data,), ()))
    assert (machine.status, machine.zone, machine.disk_gib) == (MachineStatus.DATA_ONLY, "us-east-1b", 50)


def test_the_network_is_no_machine() -> None:
    assert machines_of(ACCOUNT, Inventory((stack("x", part="network"),), ())) == ()


def machines(*names_and_owners: tuple[str, str]) -> tuple[Machine, ...]:
    stacks = tuple(stack(name, owner=owner) for name, owner in names_and_owners)
    instances = tuple(
        instance(name, owner=owner, number=number) for number, (name, owner) in enumerate(names_and_owners)
    )
    return machines_of(ACCOUNT, Inventory(stacks, instances))


def test_a_machine_is_found_by_name_or_id_or_as_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_EC2_OWNER", "bo")
    both = machines(("paper", "ana"), ("work", "ana"))
    assert pick(ACCOUNT, both, "work").name == "work"
    assert pick(ACCOUNT, both, "i-0").name == "paper"
    assert pick(ACCOUNT, both[:1], "").name == "paper"


def test_a_name_of_several_people_means_the_callers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_EC2_OWNER", "bo")
    assert pick(ACCOUNT, machines(("work", "ana"), ("work", "bo")), "work").owner == "bo"
    monkeypatch.setenv("DS_EC2_OWNER", "cy")
    with pytest.raises(UsageError, match="several people"):
        pick(ACCOUNT, machines(("work", "ana"), ("work", "bo")), "work")


def test_a_machine_that_is_not_there_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_EC2_OWNER", "ana")
    with pytest.raises(NotFoundError, match="wrok") as caught:
        pick(ACCOUNT, machines(("work", "ana"), ("paper", "ana")), "wrok")
    assert "paper, work" in caught.value.why
    assert caught.value.hint == "work"
    with pytest.raises(NotFoundError) as caught:
        pick(ACCOUNT, (), "")
    assert caught.value.hint == "ds-ec2 up --local"
    with pytest.raises(UsageError, match="which machine"):
        pick(ACCOUNT, machines(("work", "ana"), ("paper", "ana")), "")


@pytest.mark.parametrize(
    ("state", "hint"), [("stopped", "ds-ec2 start work --local"), (None, "ds-ec2 up work --local")]
)
def test_a_machine_that_does_not_run_cannot_be_reached(state: str | None, hint: str) -> None:
    found = Inventory((stack("work"),), (instance("work", state),) if state else ())
    with pytest.raises(DsEc2Error) as caught:
        reachable(ACCOUNT, machines_of(ACCOUNT, found)[0])
    assert caught.value.hint == hint


def test_a_network_gets_six_zones_one_of_which_sells_the_type() -> None:
    many = tuple(f"us-east-1{letter}" for letter in "abcdefg")
    assert network_zones(None, ZONES, ZONES) == ZONES
    assert network_zones(None, many, many) == many[:6]
    assert network_zones(None, many, ("us-east-1g",)) == (*many[:5], "us-east-1g")
    made = stack("", part="network", ZoneA="us-east-1c", ZoneB="us-east-1d", ZoneC="")
    assert network_zones(made, ZONES, ("us-east-1a",)) == ("us-east-1c", "us-east-1d")


def test_the_zone_is_the_datas_then_the_wanted_then_the_first_that_sells() -> None:
    request = UpRequest()
    data = stack("work", part="data", AvailabilityZone="us-east-1b")
    assert choose_zone(request, data, ZONES, ZONES[:3]) == "us-east-1b"
    assert choose_zone(UpRequest(zone="us-east-1c"), None, ZONES, ZONES[:3]) == "us-east-1c"
    assert choose_zone(request, None, ("us-east-1c", "us-east-1d"), ZONES[:3]) == "us-east-1c"


@pytest.mark.parametrize(
    ("zone", "data_zone", "sellers", "words"),
    [
        ("us-east-1a", "us-east-1b", ZONES, "cannot be in us-east-1a"),
        ("us-east-1x", None, ZONES, "us-east-1x does not sell"),
        (None, "us-east-1b", ("us-east-1a",), "us-east-1b does not sell"),
        ("us-east-1d", None, ZONES, "no subnet in us-east-1d"),
        (None, None, ("us-east-1d",), "no zone of the network sells"),
        (None, None, (), "no zone of the network sells"),
    ],
)
def test_a_zone_that_cannot_be_is_told(
    zone: str | None, data_zone: str | None, sellers: tuple[str, ...], words: str
) -> None:
    data = stack("work", part="data", AvailabilityZone=data_zone) if data_zone else None
    with pytest.raises(DsEc2Error, match=words):
        choose_zone(UpRequest(zone=zone), data, sellers, ZONES[:3])


def test_a_machine_with_a_network_of_its_own_does_not_hold_the_shared_one() -> None:
    network = stack("", part="network", outputs={"SecurityGroupId": "sg-1"})
    found = Inventory(
        (
            network,
            stack("work", SecurityGroupId="sg-1"),
            stack("other", SecurityGroupId="sg-2"),
            stack("seed", part="all-in-one"),
            stack("kept", part="data"),
        ),
        (),
    )
    assert machines_on(ACCOUNT, found, network) == ("work",)


@pytest.mark.parametrize(
    "request_",
    [
        UpRequest(name="My Machine"),
        UpRequest(python="3"),
        UpRequest(python="3.12; id"),
        UpRequest(idle_minutes=-1),
        UpRequest(image="ubuntu"),
        UpRequest(data_gib=0),
        UpRequest(root_gib=99999),
        UpRequest(vpc_cidr="10.0.0.0/8"),
    ],
)
def test_a_request_that_cannot_be_is_refused_without_asking_aws(request_: UpRequest) -> None:
    with pytest.raises(UsageError):
        check_request(request_)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "10.0.0.1/16", "10.0.0.0/28", "hello", "::/0"])
def test_an_address_range_that_no_vpc_can_have_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        check_cidr(text)


@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        ("CREATE_FAILED", "no capacity", "Instance (AWS::EC2::Instance): no capacity"),
        ("CREATE_FAILED", "Resource creation cancelled", ""),
        ("CREATE_COMPLETE", "", ""),
    ],
)
def test_only_causes_count_as_failures(status: str, reason: str, cause: str) -> None:
    assert Event("1", "Instance", "AWS::EC2::Instance", status, reason).failure == cause


def test_a_public_key_is_read_and_a_private_one_is_never_sent(tmp_path: Path) -> None:
    (tmp_path / "id_a.pub").write_text("ssh-ed25519 AAAA ana@laptop\n")
    assert read_key(tmp_path / "id_a.pub") == "ssh-ed25519 AAAA ana@laptop"
    (tmp_path / "id_a").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    with pytest.raises(UsageError, match="private key"):
        read_key(tmp_path / "id_a")
    (tmp_path / "two.pub").write_text("ssh-ed25519 A a\ncommand=x ssh-ed25519 B b\n")
    with pytest.raises(UsageError, match="no public key"):
        read_key(tmp_path / "two.pub")
    with pytest.raises(UsageError, match="cannot be read"):
        read_key(tmp_path / "none.pub")


def test_the_newest_public_key_is_taken(tmp_path: Path) -> None:
    assert newest_key(tmp_path) is None
    for number, name in enumerate(("id_rsa.pub", "id_ed25519.pub", "known_hosts.pub")):
        (tmp_path / name).write_text("ssh-")
        os.utime(tmp_path / name, (number, number))
    assert newest_key(tmp_path) == tmp_path / "id_ed25519.pub"
