"""The embedded AWS is killed half-way: one line, and the next `--local` command begins anew."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CommandLine, private_environment
from tests.local.conftest import start_server, wait_until
from tests.local.interruptions.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.local

UP = ("up", "--yes", "--instance-type", "t3.micro")
DOWN = ("down", "work", "--yes", "--data", "delete")
NOTICED_S = 30


@pytest.fixture
def command(tmp_path: Path) -> Iterator[CommandLine]:
    packages = tmp_path / "requirements.txt"
    packages.write_text("six\n")
    settings = {"DS_EC2_STATE": str(tmp_path), "DS_EC2_REQUIREMENTS": str(packages), "DS_EC2_DATA_GIB": "1"}
    command = CommandLine(private_environment(tmp_path) | settings, ("--local",))
    yield command
    command("local", "stop")


@pytest.fixture
def start(command: CommandLine) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command whose two outputs are read apart."""
    running = []

    def run(*words: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        arguments, environment = command.arguments(*words), command.environment
        running.append(
            subprocess.Popen(
                arguments, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
            )
        )
        return running[-1]

    yield run
    for process in running:
        process.kill()
        with process:
            pass


def read_to(process: subprocess.Popen[str], beginning: str) -> None:
    assert process.stderr
    for line in process.stderr:
        if line.startswith(beginning):
            return
    pytest.fail(f"it did not say {beginning!r}")


def told(process: subprocess.Popen[str]) -> None:
    """Check the end of a command whose AWS is gone."""
    _, errors = process.communicate(timeout=NOTICED_S)
    assert process.returncode == 1
    assert "Traceback" not in errors
    *_, what, why, following = errors.splitlines()
    assert re.match("ds-ec2: .*(embedded AWS has ended|other end is gone)", what), errors
    assert why.startswith("  why:  ")
    assert following.startswith("  next: ds-ec2 --local up"), errors


def begins_anew(command: CommandLine, state: Path, before: set[int]) -> None:
    """Check that a new server starts, and that nothing of the old one is left."""
    assert "No machines" in command("ls").stderr
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before))
    assert str(state) not in Path("/proc/mounts").read_text()
    assert not list((state / "local" / "instances").glob("i-*"))


def family(pid: int) -> set[int]:
    """Return a process and all that it started."""
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(file.parent.name)] = int(file.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


@pytest.mark.parametrize("beginning", [". network stack", ". data stack", ". machine stack"])
def test_killed_during_up(command: CommandLine, start: Start, tmp_path: Path, beginning: str) -> None:
    aws = start_server(tmp_path / "local", "--records-only")
    process = start(*UP)
    read_to(process, beginning)
    aws.process.kill()
    aws.close()
    told(process)
    if beginning == ". machine stack":
        begins_anew(command, tmp_path, {aws.process.pid})


def test_killed_during_down(command: CommandLine, start: Start, tmp_path: Path) -> None:
    aws = start_server(tmp_path / "local", "--records-only")
    with StandIn(aws):
        command(*UP)
    process = start(*DOWN)
    read_to(process, ". remove machine stack")
    aws.process.kill()
    aws.close()
    told(process)


@pytest.mark.slow
@pytest.mark.timeout(600)  # a real machine boots twice; on a busy computer that takes minutes
def test_a_tunnel_whose_other_end_goes(command: CommandLine, start: Start, tmp_path: Path) -> None:
    command(*UP)
    lab = start("lab", "--no-browser")
    read_to(lab, "Ctrl-C closes the tunnel")
    command("stop")
    _, errors = lab.communicate(timeout=NOTICED_S)
    assert lab.returncode == 1
    assert "ds-ec2: the tunnel to work has ended: its other end is gone\n  why:  work is stop" in errors
    assert errors.endswith("next: ds-ec2 lab work --local\n")
    command("start")

    lab, shell = start("lab", "--no-browser"), start("ssh", "work", "--", "sleep", "600")
    read_to(lab, "Ctrl-C closes the tunnel")
    server = int(json.loads(command("local", "status", "--json").stdout)["pid"])
    wait_until(lambda: any(b"sleep" in said(pid) for pid in family(server)))
    before = family(server)
    os.kill(server, signal.SIGKILL)
    begun = time.monotonic()
    told(lab)
    assert time.monotonic() - begun < NOTICED_S
    _, errors = shell.communicate(timeout=NOTICED_S)
    assert shell.returncode != 0
    assert "ds-ec2: " in errors
    assert "Traceback" not in errors
    begins_anew(command, tmp_path, before)


def said(pid: int) -> bytes:
    """Return a process's command line; empty where it has gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
