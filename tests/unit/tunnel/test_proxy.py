"""Standard input and output as one connection, with real pipes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.unit.tunnel.fake_agent import FakeAgent
from tests.unit.tunnel.tcp_server import echo, noise, serving
from tests.unit.tunnel.test_shell import COMMAND, ROOT, run

if TYPE_CHECKING:
    import socket


def test_every_byte_comes_back() -> None:
    data = noise(300_000) + b"\n"
    with FakeAgent() as agent, serving(echo) as port:
        result = run("proxy", agent.url, str(port), stdin=data)
    assert result.returncode == 0
    assert result.stdout == data
    assert result.stderr == b"terminated ['ana-0001']\n"


def test_a_lone_line_feed_stays_one() -> None:
    with FakeAgent() as agent, serving(echo) as port:
        process = subprocess.Popen(
            [*COMMAND, "proxy", agent.url, str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"\n")
            assert process.stdout.read(1) == b"\n"
            process.stdin.close()
            assert process.wait(10) == 0


def test_the_machines_end_is_the_end() -> None:
    def greet(connection: socket.socket) -> None:
        connection.sendall(b"bye\n")

    with FakeAgent() as agent, serving(greet) as port:
        process = subprocess.Popen(
            [*COMMAND, "proxy", agent.url, str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.read() == b"bye\n"  # while its input is still open
            assert process.wait(10) == 0


def test_nobody_reads_our_output() -> None:
    with FakeAgent() as agent, serving(echo) as port:
        process = subprocess.Popen(
            [*COMMAND, "proxy", agent.url, str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.write(b"hello")
        process.stdin.flush()
        process.wait(10)
        assert process.stderr is not None
        errors = process.stderr.read()
        process.stderr.close()
        process.stdin.close()
    assert process.returncode == 0
    assert errors == b"terminated ['ana-0001']\n"
