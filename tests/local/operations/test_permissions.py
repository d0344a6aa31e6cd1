"""One denied permission at a time: the user hears which, before anything is made."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CommandLine, private_environment
from tests.local.conftest import ANA, BEN, start_server, wait_until
from tests.local.interruptions.stand_in import STAGES, StandIn
from tests.local.operations.rounds import rounds

from ds_ec2.aws.account import Keys, open_account
from ds_ec2.aws.sts import Caller
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.requests import UpRequest
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import Wish
from ds_ec2.operations.permissions import simulate
from ds_ec2.operations.up import check_plan, plan_up
from ds_ec2.policy.actions import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.conftest import LocalAws

    from ds_ec2.aws.account import Account

pytestmark = pytest.mark.local
FRESH = {"look", "plan", "stacks", "network", "data", "machine"}
"""The steps of a first machine with a short list of packages."""
ACTIONS = list(dict.fromkeys(need.action for need in needs("up") if need.step in FRESH))
WITHOUT = {need.action for need in needs("up") if not need.needed}
MOST_CALLS, MOST_ROUNDS = 12, 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("permissions")


@pytest.fixture(scope="module")
def aws(home: Path) -> Iterator[LocalAws]:
    server = start_server(home / "local", "--records-only")
    yield server
    server.close()


@pytest.fixture(scope="module")
def account(aws: LocalAws) -> Account:
    """Made once: its clients take longer than all calls of a plan."""
    return open_account("us-east-1", endpoint=aws.endpoint_url, keys=Keys(ANA, "any"))


@pytest.fixture
def ana(aws: LocalAws, account: Account) -> Iterator[Account]:
    """The account of a test whose faults end with it."""
    yield account
    aws.call("DELETE", "/_local/faults")


def deny(aws: LocalAws, *actions: str, **more: str) -> None:
    aws.call("POST", "/_local/faults", {"deny": [{"action": one, **more} for one in actions]})


def role(aws: LocalAws, name: str, path: str) -> Account:
    """Return the account as somebody sees it who has assumed a role."""
    iam, sts = aws.client("iam"), aws.client("sts")
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument="{}")
    arn = f"arn:aws:iam::123456789012:role{path}{name}"
    key = sts.assume_role(RoleArn=arn, RoleSessionName="ana@example.org")["Credentials"]["AccessKeyId"]
    return open_account("us-east-1", endpoint=aws.endpoint_url, keys=Keys(key, "any"))


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_of_up_that_is_denied_is_told_before_anything_is_made(
    aws: LocalAws, ana: Account, action: str
) -> None:
    deny(aws, action, principal="ana")
    if action in WITHOUT:
        plan = plan_up(ana, UpRequest())
        check_plan(ana, plan)
        (note,) = [one for one in plan.notes if action in one]
        assert note.endswith("(it goes on without)")
        return
    with pytest.raises(DsEc2Error, match=f"den(y|ies) {action}") as caught:
        check_plan(ana, plan_up(ana, UpRequest()))
    assert f'"Action": "{action}"' in caught.value.hint
    assert len(caught.value.why.splitlines()) == 1
    assert aws.client("cloudformation", BEN).describe_stacks()["Stacks"] == []


def test_all_that_is_denied_is_told_at_once_also_where_the_plan_cannot_be_made(
    aws: LocalAws, ana: Account
) -> None:
    deny(aws, "ec2:DescribeAvailabilityZones", "ec2:Create*", "iam:*Role*", principal="ana")
    with pytest.raises(DsEc2Error) as caught:
        plan_up(ana, UpRequest())
    lines = caught.value.why.splitlines()
    assert lines[0].startswith("not allowed: ec2:DescribeAvailabilityZones, to plan")
    assert any("iam:PassRole" in line for line in lines)
    assert len(lines) > 10


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("DataScience", "/"),
        ("Team", "/teams/science/"),
        ("AWSReservedSSO_DataScientist_0123456789abcdef", "/aws-reserved/sso.amazonaws.com/eu-west-1/"),
    ],
)
def test_a_roles_policies_are_simulated_wherever_it_is(
    aws: LocalAws, ana: Account, name: str, path: str
) -> None:
    del ana  # only its end is wanted: no fault stays
    account = role(aws, name, path)
    deny(aws, "iam:CreateRole", principal=name)
    plan_up(account, UpRequest())  # clients are made once
    aws.call("POST", "/_local/faults", {"latency_ms": 400})
    for asked in (UpRequest(), UpRequest(wish=Wish(parse_gpu("80GB..")))):  # one class of quotas, and two
        before = len(aws.call("GET", "/_local/log"))
        plan = plan_up(account, asked)
        made = aws.call("GET", "/_local/log")[before:]
        assert [one.action for one in plan.denied] == ["iam:CreateRole"]
        assert rounds(made) <= MOST_ROUNDS
        assert plan.owner == "ana"
        assert len(made) <= MOST_CALLS, [one["action"] for one in made]


def test_a_role_whose_path_cannot_be_read_is_simulated_without_one_or_not_at_all(
    aws: LocalAws, ana: Account
) -> None:
    del ana
    plain, sso = role(aws, "Plain", "/"), role(aws, "AWSReservedSSO_x_1", "/aws-reserved/sso.amazonaws.com/")
    deny(aws, "iam:GetRole")
    found = simulate(plain, plain.identity.caller(), "ana")
    assert found.principal == "arn:aws:iam::123456789012:role/Plain"
    found = simulate(sso, sso.identity.caller(), "ana")
    assert found.unchecked.startswith("the path of the role AWSReservedSSO_x_1 is not known")
    assert found.denials == ()


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        ("arn:aws:iam::123456789012:root", "root user cannot be simulated"),
        ("arn:aws:sts::123456789012:federated-user/ana", "neither a user nor a role"),
    ],
)
def test_who_cannot_be_simulated_is_not_asked_about(ana: Account, arn: str, words: str) -> None:
    assert words in simulate(ana, Caller("123456789012", arn), "ana").unchecked


def test_nothing_is_claimed_where_the_simulation_is_denied_or_not_wanted(aws: LocalAws, ana: Account) -> None:
    deny(aws, "iam:SimulatePrincipalPolicy", "iam:CreateRole")
    assert plan_up(ana, UpRequest()).denied == ()
    deny(aws, "iam:CreateRole")
    assert plan_up(ana, UpRequest(check_permissions=False)).denied == ()
    assert plan_up(ana, UpRequest()).denied != ()


@pytest.fixture(scope="module")
def command(aws: LocalAws, home: Path) -> CommandLine:
    """The real command line on this server."""
    del aws
    packages = home / "requirements.txt"
    packages.write_text("six\n")
    settings = {"DS_EC2_STATE": str(home), "DS_EC2_REQUIREMENTS": str(packages), "DS_EC2_DATA_GIB": "1"}
    return CommandLine(private_environment(home) | settings, ("--local",))


def test_the_command_line_tells_it_before_it_asks(aws: LocalAws, ana: Account, command: CommandLine) -> None:
    del ana
    deny(aws, "iam:CreateRole", by="boundary")
    run = command("up", "--yes", ok=False)
    assert run.returncode == 1
    assert "AWS would deny iam:CreateRole" in run.stderr
    assert "the permissions boundary does not allow it" in run.stderr
    assert "allow in the permissions boundary: {" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_denial_half_way_has_the_same_help_and_leaves_nothing(
    aws: LocalAws, ana: Account, command: CommandLine
) -> None:
    del ana
    deny(aws, "ec2:CreateVpc")
    run = command("up", "--yes", "--no-permission-check", ok=False)
    assert run.returncode == 1
    assert "AWS denies ec2:CreateVpc, no policy allows it" in run.stderr
    assert '"Action": "ec2:CreateVpc"' in run.stderr
    assert "Encoded authorization" not in run.stderr
    assert "Traceback" not in run.stderr
    left = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert [one for one in left if one["StackStatus"] != "DELETE_COMPLETE"] == []


def test_the_list_has_every_call_of_a_real_run(aws: LocalAws, ana: Account, command: CommandLine) -> None:
    del ana
    made: dict[str, set[str]] = {}
    with StandIn(aws):
        for operation, words in {
            "up": ("up", "--yes"),
            "stop": ("stop",),
            "start": ("start",),
            "down": ("down", "--data", "keep-snapshot", "--yes"),
            "network down": ("network", "down", "--yes"),
        }.items():
            before = len(aws.call("GET", "/_local/log"))
            process = command.start(*words)
            if operation == "start":
                boot_again(aws)
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
            lines = [one for one in aws.call("GET", "/_local/log")[before:] if one["principal"] == "ana"]
            made[operation] = {action for one in lines for action in one["iam"]} - FREE
    unlisted = {name: actions - {need.action for need in needs(name)} for name, actions in made.items()}
    assert not any(unlisted.values()), unlisted
    # And none that nobody needs.
    assert set(ACTIONS) - made["up"] == TAGGED


def boot_again(aws: LocalAws) -> None:
    """Report a second boot, as a machine that was started does."""
    ec2, ssm = aws.client("ec2", BEN), aws.client("ssm", BEN)
    mine = [
        {"Name": "tag:ds-ec2:name", "Values": ["work"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    wait_until(lambda: ec2.describe_instances(Filters=mine)["Reservations"], 60)
    now = time.time() + 1
    stages = [
        {"name": name, "state": "done", "started_at": now, "seconds": 0.1, "error": ""} for name in STAGES
    ]
    text = json.dumps({"boot": "2", "stages": stages})
    ssm.put_parameter(Name="/ds-ec2/ds-ec2-ana-work/status", Value=text, Type="String", Overwrite=True)


FREE = {"sts:GetCallerIdentity", "iam:SimulatePrincipalPolicy"}
"""The first cannot be denied, the second is not needed."""
TAGGED = {
    "iam:TagRole", "lambda:TagResource", "events:TagResource", "logs:TagResource", "ssm:AddTagsToResource",
}  # fmt: skip
"""What AWS asks for besides when a resource gets tags as it is made; the embedded AWS does not."""
