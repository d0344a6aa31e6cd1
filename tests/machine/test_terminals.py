"""Whose a terminal is, when it was last used, and what people are told there."""

from __future__ import annotations

import os
import pty
import select
import time
from typing import TYPE_CHECKING

import pytest

from ds_ec2_machine import terminals
from ds_ec2_machine.platform import Platform
from ds_ec2_machine.processes import Process, processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machine.conftest import Machine

PERSON = 1234


def is_person(uid: int) -> bool:
    return uid == PERSON


@pytest.fixture
def shell(machine: Machine) -> Iterator[tuple[int, int, Path]]:
    """A real terminal of this account's, with a process in it, among the machine's terminals."""
    pid, leader = pty.fork()
    if pid == 0:
        os.execv("/bin/cat", ["cat"])  # noqa: S606 - the child of a terminal
    table: dict[int, Process] = {}
    while not table.get(pid) or not table[pid].pts:
        table = processes()
    folder = machine.root / "pts"
    folder.mkdir()
    path = folder / table[pid].pts
    path.symlink_to(f"/dev/pts/{table[pid].pts}")
    yield pid, leader, path
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(leader)


@pytest.fixture
def platform(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("DS_EC2_PLATFORM", str(machine.platform_file))
    return Platform()


def test_a_terminal_of_roots_is_a_persons_when_their_shell_runs_in_it(
    platform: Platform, shell: tuple[int, int, Path]
) -> None:
    """So are Session Manager's: the agent opens the terminal, and the shell is ssm-user's."""
    pid, _, path = shell
    table = processes()
    mine = table[pid]
    assert terminals.of_people(platform, is_person, table) == []
    theirs = {**table, pid: Process(PERSON, mine.seconds, mine.terminal)}
    assert terminals.of_people(platform, is_person, theirs) == [path]
    assert terminals.of_people(platform, lambda uid: uid == mine.uid, {}) == [path]


def read_all(leader: int) -> str:
    text = b""
    while select.select([leader], [], [], 0.5)[0]:
        text += os.read(leader, 4096)
    return text.decode()


def test_people_read_the_notice_and_it_is_not_taken_for_use(shell: tuple[int, int, Path]) -> None:
    _, leader, path = shell
    os.utime(path, (time.time() - 500, time.time() - 400))
    assert 399 < terminals.quiet_s(path, 0.0) < 410
    noticed_at = time.time()
    terminals.tell([path, path.with_name("gone")], "This machine stops at 14:32 UTC")
    assert read_all(leader) == "\r\r\n\a*** This machine stops at 14:32 UTC\r\r\n"
    assert terminals.quiet_s(path, 0.0) < 10, "the kernel saw output"
    assert terminals.quiet_s(path, noticed_at) > 499, "ours"
    os.write(leader, b"a key\n")
    assert "a key" in read_all(leader)
    assert terminals.quiet_s(path, noticed_at) < 10, "a person's"


def test_a_process_knows_its_terminal_by_name() -> None:
    assert Process(0, 0.0, 136 << 8 | 7).pts == "7"
    assert Process(0, 0.0, 137 << 8 | 1).pts == "257"
    assert Process(0, 0.0, 4 << 8 | 1).pts == ""  # a console
    assert Process(0, 0.0, 0).pts == ""
