"""A shell on a real terminal (a pty), and commands with pipes, in a process of their own."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.tunnel.fake_agent import FakeAgent, Peer

from ds_ec2.tunnel.codec import PayloadType

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "tests.unit.tunnel.client"]


class Terminal:
    """A process on a pty, as seen by the person in front of it."""

    def __init__(self, arguments: list[str]) -> None:
        self.parent, child = pty.openpty()
        self.resize(100, 30, None)
        self.before = termios.tcgetattr(child)
        self.child = child
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=ROOT, stdin=child, stdout=child, stderr=subprocess.PIPE
        )
        self.seen = b""

    def resize(self, columns: int, rows: int, process: subprocess.Popen[bytes] | None) -> None:
        fcntl.ioctl(self.parent, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if process:
            process.send_signal(signal.SIGWINCH)

    def type(self, keys: bytes) -> None:
        os.write(self.parent, keys)

    def read_until(self, text: bytes) -> None:
        while text not in self.seen:
            self.seen += os.read(self.parent, 4096)

    def end(self) -> tuple[int, bytes]:
        """Return the exit status and standard error."""
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors


@contextmanager
def on_terminal(*arguments: str) -> Iterator[Terminal]:
    terminal = Terminal(list(arguments))
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.communicate()
        os.close(terminal.parent)
        os.close(terminal.child)


async def shell(peer: Peer) -> None:
    """A shell without a handshake: it tells sizes and keys, and ends at ^D; `!` ends it by the service."""
    await peer.send_bytes(b"$ ")
    while True:
        message = await peer.inbox.get()
        if message.payload_type == PayloadType.SIZE:
            size = json.loads(message.payload)
            await peer.send_bytes(b"[%dx%d]" % (size["cols"], size["rows"]))
        elif message.payload == b"\x04":
            await peer.end()
        elif message.payload == b"!":
            await peer.end("idle for 20 minutes")
        else:
            await peer.send_bytes(b"<" + message.payload.hex().encode() + b">")


def test_a_shell_on_a_terminal() -> None:
    with FakeAgent(shell) as agent, on_terminal("shell", agent.url) as terminal:
        terminal.read_until(b"[100x30]")
        terminal.type(b"\x03")
        terminal.read_until(b"<03>")  # Ctrl-C goes to the machine
        terminal.type(b"\r")
        terminal.read_until(b"<0d>")
        terminal.type(b"\n")
        terminal.read_until(b"<0a>")  # and a line feed stays one
        terminal.resize(120, 40, terminal.process)
        terminal.read_until(b"[120x40]")
        terminal.type(b"\x04")
        status, errors = terminal.end()
        assert (status, errors) == (0, b"terminated ['ana-0001']\n")
        assert termios.tcgetattr(terminal.child) == terminal.before


def test_a_shell_that_the_service_ends_says_why_and_gives_the_terminal_back() -> None:
    with FakeAgent(shell) as agent, on_terminal("shell", agent.url) as terminal:
        terminal.read_until(b"$ ")
        terminal.type(b"!")
        status, errors = terminal.end()
        assert status == 1
        assert b"Session Manager ended the session: idle for 20 minutes" in errors
        assert termios.tcgetattr(terminal.child) == terminal.before


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, input=stdin, capture_output=True, timeout=20, check=False
    )


def test_the_end_of_a_file_ends_the_shell() -> None:
    with FakeAgent(shell) as agent:
        result = run("shell", agent.url, stdin=b"ls\n")
    assert result.returncode == 0
    assert b"<6c730a>" in result.stdout


async def failing_command(peer: Peer) -> None:
    """A command with both outputs and a status."""
    await peer.send(PayloadType.OUTPUT, b"out\n")
    await peer.send(PayloadType.STANDARD_ERROR, b"oh no\n")
    await peer.send(PayloadType.EXIT_CODE, b"EXIT_CODE: 42")
    await peer.end()


def test_a_command_keeps_its_outputs_apart_and_its_status() -> None:
    with FakeAgent(failing_command) as agent:
        result = run("command", agent.url, "false")
    assert (result.returncode, result.stdout) == (42, b"out\n")
    assert result.stderr == b"oh no\nterminated ['ana-0001']\n"


def test_a_session_that_must_be_encrypted_is_refused_in_words() -> None:
    with FakeAgent(failing_command) as agent:
        agent.extra_actions = [{"ActionType": "KMSEncryption", "ActionParameters": {"KMSKeyId": "k"}}]
        result = run("command", agent.url, "false")
    assert result.returncode == 1
    assert b"KMS key" in result.stderr


async def chatter(peer: Peer) -> None:
    """A command that never ends."""
    while True:
        await peer.send_bytes(b"tick\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("with_command", ["", "yes"])
def test_ctrl_c_without_a_terminal_ends_and_terminates(with_command: str) -> None:
    with FakeAgent(chatter if with_command else shell) as agent:
        arguments = [*COMMAND, "shell", agent.url, *([with_command] if with_command else [])]
        process = subprocess.Popen(
            arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.read(2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert b"KeyboardInterrupt" in errors
    assert b"terminated ['ana-0001']" in errors
