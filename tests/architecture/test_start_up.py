"""Start-up is a feature: --help stays near the interpreter's own start and loads nothing heavy."""

import compileall
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

import ds_ec2

DS_EC2 = Path(sys.executable).with_name("ds-ec2")
HEAVY = {"boto3", "botocore", "rich", "aws_cdk", "moto", "websockets", "asyncio"}


def cpu_seconds(arguments: list[str], runs: int) -> float:
    """The least CPU time of a run, the figure that other work disturbs least."""
    best = float("inf")
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"TERM": "dumb"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def test_help_costs_at_most_eight_times_an_empty_python() -> None:
    for package in (click, ds_ec2):  # an installer compiles; an editable install may not have
        compileall.compile_dir(package.__path__[0], quiet=2)
    floor = cpu_seconds([sys.executable, "-c", "pass"], 15)
    ours = cpu_seconds([str(DS_EC2), "--help"], 15)
    assert ours <= 8 * floor, f"--help {ours * 1000:.0f} ms, python -c pass {floor * 1000:.0f} ms"


WISH = ["--gpu", "24GB..", "--offline"]
QUIET_FLOOR_S = 0.017
"""`python -c pass` on the machine that the bar of 150 ms was set on; a slower one is allowed as much more."""


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, no credentials, no refreshed catalogue."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("AWS_", "DS_EC2_", "XDG_"))]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("nobody")
def test_offers_and_plans_without_an_account_cost_little() -> None:
    for package in (click, ds_ec2):
        compileall.compile_dir(package.__path__[0], quiet=2)
    floor = cpu_seconds([sys.executable, "-c", "pass"], 15)
    offers = cpu_seconds([str(DS_EC2), "offers", *WISH], 10)
    plan = cpu_seconds([str(DS_EC2), "up", *WISH, "--dry-run"], 10)
    told = f"offers {offers * 1000:.0f} ms, up {plan * 1000:.0f} ms, python -c pass {floor * 1000:.0f} ms"
    assert offers < 0.150 * max(1, floor / QUIET_FLOOR_S), told
    assert plan <= 15 * floor, told


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("command", [["offers", *WISH], ["up", *WISH, "--dry-run"], ["catalog", "show"]])
def test_what_needs_no_account_loads_nothing_heavy_and_calls_nobody(command: list[str]) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "from ds_ec2.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(','.join(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "us-east-1" in run.stdout or "g6.xlarge" in run.stdout
    assert not HEAVY & set(run.stderr.strip().splitlines()[-1].split(","))


@pytest.mark.parametrize(
    "command", [[], ["up"], ["offers"], ["catalog"], ["ls"], ["lab"], ["down"], ["network"], ["local"]]
)
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; from ds_ec2.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(','.join(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *command, "--help"], check=True, capture_output=True, text=True
    )
    assert "Usage: ds-ec2" in run.stdout
    assert not HEAVY & set(run.stderr.strip().split(","))


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "offers",
        "catalog",
        "ls",
        "lab",
        "ssh",
        "proxy",
        "logs",
        "stop",
        "start",
        "down",
        "network",
        "local",
        "demo",
    ],
)
def test_every_command_shows_an_example(command: str) -> None:
    run = subprocess.run([DS_EC2, command, "--help"], check=True, capture_output=True, text=True)
    assert f"ds-ec2 {command}" in run.stdout.split("Example", 1)[1]
