"""What a user reads who asks for what cannot be: one line, a reason, what to type next, and nothing made."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import CommandLine

pytestmark = pytest.mark.local

FAILED, USAGE = 1, 2
ABSENT_NAME = "not-there"


@dataclass
class Nearby:
    """The embedded AWS of the command line, read past the command line."""

    endpoint_url: str

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="AKIALOCALANA00000000",
            aws_secret_access_key="any",
        )

    def stacks(self) -> set[str]:
        with closing(self.client("cloudformation")) as client:
            return {stack["StackId"] for stack in client.describe_stacks()["Stacks"]}

    def arm_image(self) -> str:
        arm = [{"Name": "architecture", "Values": ["arm64"]}]
        with closing(self.client("ec2")) as client:
            image_id: str = client.describe_images(Filters=arm)["Images"][0]["ImageId"]
        return image_id


@pytest.fixture(scope="module")
def nearby(ds_ec2: CommandLine) -> Nearby:
    if "--local" not in ds_ec2.flags:
        pytest.skip("bad input is tried on the embedded AWS alone")
    ds_ec2("local", "start")
    return Nearby(json.loads(ds_ec2("local", "status", "--json").stdout)["endpoint_url"])


@pytest.fixture(autouse=True)
def nothing_is_made(nearby: Nearby) -> Iterator[None]:
    # Other tests may have left a network in the same embedded AWS; alone, both sets are empty.
    before = nearby.stacks()
    yield
    assert nearby.stacks() == before


def refused(run: subprocess.CompletedProcess[str], status: int, said: str, hint: str) -> None:
    """Check an expected error: `said` in its first line, `hint` in the line of what to do next."""
    assert run.returncode == status, run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""
    first, *others = run.stderr.splitlines()
    assert first.startswith("ds-ec2: "), run.stderr
    assert said in first
    if hint:
        (following,) = (line.strip() for line in others if line.startswith("  next: "))
        assert hint in following


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["--instance-type", "g6.xlrge"], "no instance type 'g6.xlrge'", "--instance-type g6.xlarge --local"),
        (["--instance-type", "M7I.XLARGE"], "no instance type", "--instance-type m7i.xlarge --local"),
        (["--instance-type", "nonsense"], "no instance type", "--instance-type m7i-flex.xlarge --local"),
        (["--instance-type", ""], "no instance type ''", "--instance-type m7i-flex.xlarge --local"),
        (["--zone", "us-east-1q"], "us-east-1q does not sell", "--zone us-east-1a"),
        (["--zone", "eu-west-1a"], "eu-west-1a does not sell", "--zone us-east-1a"),
        (["--image", "ubuntu"], "'ubuntu' is no image id", "--image ami-"),
        (["--image", "ami-0000000000000dead"], "no image ami-0000000000000dead", "leave --image out"),
        (["--idle-timeout", "soon"], "'soon' is no duration", ""),
        (["--idle-timeout", "-5m"], "'-5m' is no duration", ""),
        (["--idle-timeout", "90d"], "minutes cannot be", "--idle-timeout 60m"),
        (["--python", "2"], "'2' is no Python version", "--python 3.12"),
        (["Paper"], "'Paper' cannot name a machine", "ds-ec2 up paper"),
        (["1st try"], "'1st try' cannot name a machine", "ds-ec2 up st-try"),
        (["../etc"], "'../etc' cannot name a machine", "ds-ec2 up etc"),
        (["x;ls"], "'x;ls' cannot name a machine", "ds-ec2 up x-ls"),
        (["äöü"], "'äöü' cannot name a machine", "ds-ec2 up work"),
        ([""], "'' cannot name a machine", "ds-ec2 up work"),
        (["a" * 31], "cannot name a machine", f"ds-ec2 up {'a' * 30}"),
    ],
)
def test_up_refuses_what_cannot_be(ds_ec2: CommandLine, words: list[str], said: str, hint: str) -> None:
    refused(ds_ec2("up", "--yes", *words, ok=False), USAGE, said, hint)


@pytest.mark.parametrize("consent", ["--dry-run", "--yes"])
def test_a_gpu_type_does_not_take_an_arm_image(ds_ec2: CommandLine, nearby: Nearby, consent: str) -> None:
    image = nearby.arm_image()
    run = ds_ec2("up", consent, "--instance-type", "g6.xlarge", "--image", image, ok=False)
    refused(run, USAGE, f"{image} does not run on g6.xlarge", "leave --image out")
    assert "the image is arm64, the type x86_64" in run.stderr


@pytest.mark.parametrize(
    ("content", "said", "hint"),
    [
        (None, "does not exist", "ls "),
        (b"caf\xe9\n", "is not UTF-8", "iconv -f latin1 -t utf-8"),
        (b"numpy\npandas; rm -rf /\n", "line 2: 'pandas; rm -rf /' is no requirement", "https://pip.pypa.io"),
        (b"$(touch owned)\n", "line 1: '$(touch owned)' is no requirement", "https://pip.pypa.io"),
    ],
    ids=["missing", "not UTF-8", "two commands", "a substitution"],
)
def test_up_refuses_a_list_that_is_none(
    ds_ec2: CommandLine, tmp_path: Path, content: bytes | None, said: str, hint: str
) -> None:
    path = tmp_path / "requirements.txt"
    if content is not None:
        path.write_bytes(content)
    refused(ds_ec2("up", "--yes", "--packages", str(path), ok=False), USAGE, said, hint)


def test_up_refuses_a_folder_as_a_list(ds_ec2: CommandLine, tmp_path: Path) -> None:
    run = ds_ec2("up", "--yes", "--packages", str(tmp_path), ok=False)
    refused(run, USAGE, "holds no environment", f"ls {tmp_path}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["upp"], "Error: there is no command 'upp'. Try: ds-ec2 up"),
        (["frobnicate"], "Error: there is no command 'frobnicate'. Try: ds-ec2 --help"),
        (["up", "--instance-typ", "t3.micro"], "Did you mean"),
        (["up", "--data-gib", "0"], "Error: Invalid value for '--data-gib'"),
        (["lab", "--port", "99999"], "Error: Invalid value for '--port'"),
    ],
)
def test_a_wrong_command_line_is_told_so(ds_ec2: CommandLine, words: list[str], said: str) -> None:
    run = ds_ec2(*words, ok=False)
    assert run.returncode == USAGE
    assert run.stdout == ""
    assert "Error: " in run.stderr
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_lab_refuses_a_port_in_use(ds_ec2: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = ds_ec2("lab", "--port", str(port), ok=False)
    refused(run, USAGE, f"port {port} of this computer is in use", "ds-ec2 lab --local (without --port")


@pytest.mark.parametrize(
    ("region", "hint"),
    [
        ("mars", "--region us-east-1 "),
        ("eu-wset-1", "--region eu-west-1 "),
        ("US-EAST-1", "--region us-east-1 "),
    ],
)
@pytest.mark.parametrize("words", [["ls"], ["up", "--yes"], ["network", "show"]])
def test_a_region_that_does_not_exist_is_told_so(
    ds_ec2: CommandLine, words: list[str], region: str, hint: str
) -> None:
    run = ds_ec2(*words, "--region", region, ok=False)
    refused(run, USAGE, f"there is no region '{region}'", hint)
    keys = {"AWS_ACCESS_KEY_ID": "AKIA0000000000000000", "AWS_SECRET_ACCESS_KEY": "none"}
    account = replace(ds_ec2, flags=(), environment=ds_ec2.environment | keys)
    refused(account(*words, "--region", region, ok=False), USAGE, f"there is no region '{region}'", hint)


@pytest.mark.parametrize("words", [["lab"], ["ssh"], ["logs"], ["stop"], ["start"], ["down", "--yes"]])
def test_a_machine_that_does_not_exist_is_told_so(ds_ec2: CommandLine, words: list[str]) -> None:
    run = ds_ec2(*words, ABSENT_NAME, ok=False)
    refused(run, FAILED, f"there is no machine {ABSENT_NAME}", "--local")


def test_without_credentials_the_way_without_an_account_is_named(ds_ec2: CommandLine) -> None:
    run = replace(ds_ec2, flags=())("up", "--yes", "--region", "us-east-1", ok=False)
    refused(run, FAILED, "no AWS credentials were found", "ds-ec2 --local up")


def test_without_a_region_the_ways_to_name_one_are_told(ds_ec2: CommandLine) -> None:
    run = replace(ds_ec2, flags=())("up", "--yes", ok=False)
    refused(run, USAGE, "no region is known", "--region us-east-1; without an account: --local")
