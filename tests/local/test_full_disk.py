"""A full disk on this computer: one line, and nothing half-made."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CommandLine, private_environment
from tests.local.conftest import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.local


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk needs root and the right to mount: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def filled(place: Path) -> Iterator[None]:
    """Leave no byte."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(place).free == 0
    yield
    ballast.unlink()


@pytest.mark.parametrize("words", [["--local", "ls"], ["local", "start"], ["demo", "--once"]])
def test_without_space_nothing_is_started(small_disk: Path, tmp_path: Path, words: list[str]) -> None:
    environment = private_environment(tmp_path) | {"DS_EC2_STATE": str(small_disk)}
    run = CommandLine(environment, ())(*words, ok=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    what, why, following = run.stderr.splitlines()[-3:]
    assert what == "ds-ec2: the embedded AWS has no place for its state"
    assert why.endswith("No space left on device")
    assert following == "  next: free some space, or: export DS_EC2_STATE=/another/folder"
    assert {file.name for file in small_disk.rglob("*") if file.is_file()} <= {"demo.lock"}


def test_a_server_whose_disk_fills_up_still_answers(small_disk: Path, tmp_path: Path) -> None:
    aws = start_server(small_disk / "local", "--records-only")
    environment = private_environment(tmp_path) | {"DS_EC2_STATE": str(small_disk)}
    command = CommandLine(environment, ("--local",))
    try:
        with filled(small_disk):
            assert "No machines" in command("ls").stderr
            aws.client("s3").list_buckets()
        aws.client("iam").list_roles()
        assert aws.call("GET", "/_local/log")[-1]["action"] == "ListRoles"
        assert replace(command, flags=())("local", "logs").stdout.endswith("}\n")
    finally:
        aws.close()
