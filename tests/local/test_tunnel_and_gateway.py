"""The laptop's tunnel against the embedded AWS's gateway: two codecs, one wire, real guests and sockets."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.session_manager.conftest import INSTANCE, Ana
from tests.local.session_manager.plugin_client import ACCESS_KEY, SECRET
from tests.local.tunnel_client import GatewaySource
from tests.unit.tunnel.tcp_server import digest, echo, give, noise, read_all, read_exactly, serving

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel import ControlRoad, PortForward, ask
from ds_ec2_local.session_manager.gateway import Gateway
from ds_ec2_local.session_manager.registry import SessionRegistry
from ds_ec2_local.session_manager.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DATA = noise(3_000_000)


@dataclass
class Cloud:
    registry: SessionRegistry
    gateway: Gateway

    @property
    def source(self) -> GatewaySource:
        def start(target: str, document: str | None, parameters: Any) -> dict[str, str]:
            return self.registry.open(target, document, parameters, Ana())

        return GatewaySource(start, self.registry.terminate)

    def client(self, verb: str, document: str | None, argument: str = "", **parameters: str) -> list[str]:
        """Arguments of a process whose StartSession was asked for here."""
        given = {name: [value] for name, value in parameters.items()}
        grant = self.registry.open(INSTANCE, document, given, Ana())
        return [sys.executable, "-m", "tests.local.tunnel_client", verb, json.dumps(grant), argument]

    def active(self) -> list[Any]:
        return list(self.registry.describe("Active")["Sessions"])


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    path = tmp_path / "guest.sock"
    guest = subprocess.Popen([sys.executable, "-m", "tests.local.tunnel_guest", str(path)], cwd=ROOT)
    deadline = time.monotonic() + 10
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    registry = SessionRegistry(lambda _target: True, lambda _target: path)
    gateway = Gateway(registry, GatewaySettings(), secret_of={ACCESS_KEY: SECRET}.__getitem__)
    gateway.start()
    try:
        yield Cloud(registry, gateway)
    finally:
        gateway.close()
        guest.terminate()
        guest.wait(10)


@contextmanager
def connection(forward: PortForward) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", forward.local_port), timeout=20) as opened:
        yield opened


def test_the_same_bytes_both_ways(cloud: Cloud) -> None:
    with serving(digest) as port, PortForward(cloud.source, INSTANCE, port, pace=0) as forward:
        with connection(forward) as opened:
            opened.sendall(len(DATA).to_bytes(8, "big") + DATA)
            assert read_exactly(opened, 32) == hashlib.sha256(DATA).digest()
        assert len(cloud.active()) == 1
    with (
        serving(give(DATA)) as port,
        PortForward(cloud.source, INSTANCE, port) as forward,
        connection(forward) as opened,
    ):
        opened.sendall(b"x")
        assert read_all(opened) == DATA
    assert cloud.active() == []


def test_twenty_connections_in_one_session(cloud: Cloud) -> None:
    def once(number: int) -> bool:
        text = noise(30_000, number)
        with connection(forward) as opened:
            opened.sendall(text)
            return read_exactly(opened, len(text)) == text

    with (
        serving(echo) as port,
        PortForward(cloud.source, INSTANCE, port) as forward,
        ThreadPoolExecutor(20) as pool,
    ):
        assert all(pool.map(once, range(20)))
        assert len(cloud.active()) == 1


def test_a_refused_dial_and_then_a_good_one(cloud: Cloud) -> None:
    told: list[str] = []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with PortForward(cloud.source, INSTANCE, port, on_event=told.append) as forward:
            with pytest.raises(ConnectionResetError), connection(forward) as opened:
                opened.recv(1)
            silent.listen()
            with connection(forward) as opened:
                opened.sendall(b"hello")
                there, _ = silent.accept()
                with there:
                    assert read_exactly(there, 5) == b"hello"
    assert "nothing listens" in told[0]


def test_a_dropped_session_is_opened_again(cloud: Cloud) -> None:
    with serving(echo) as port, PortForward(cloud.source, INSTANCE, port) as forward:
        for _ in range(2):
            with connection(forward) as opened:
                opened.sendall(b"ping")
                assert read_exactly(opened, 4) == b"ping"
            assert cloud.gateway.drop_all() == 1


def test_questions_on_the_control_road(cloud: Cloud) -> None:
    def control(opened: socket.socket) -> None:
        opened.sendall(b"a\n" + opened.recv(1000) + b"b\n")

    with serving(control) as port:
        assert list(ask(cloud.source, INSTANCE, port, b"status", 5)) == [b"a", b"status", b"b"]
        with ControlRoad(cloud.source, INSTANCE, port=port) as road:
            for _ in range(3):
                assert list(road.ask(b"again")) == [b"a", b"again", b"b"]
            assert len(cloud.active()) == 1


def test_a_missing_signature_is_refused_in_words(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    source = cloud.source
    monkeypatch.setattr(GatewaySource, "sign", lambda _self, _url: {})
    with pytest.raises(DsEc2Error, match="data channel cannot be opened") as caught:
        PortForward(source, INSTANCE, 1).__enter__()
    assert "403" in caught.value.why
    assert cloud.active() == []


def test_a_proxy_for_ssh(cloud: Cloud) -> None:
    data = DATA[:200_000] + b"\n"
    with serving(echo) as port:
        arguments = cloud.client("proxy", "AWS-StartSSHSession", str(port), portNumber=str(port))
        result = subprocess.run(arguments, cwd=ROOT, input=data, capture_output=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == data


def test_a_proxy_where_no_server_listens(cloud: Cloud) -> None:
    with serving(echo) as port:
        pass
    arguments = cloud.client("proxy", "AWS-StartSSHSession", str(port), portNumber=str(port))
    result = subprocess.run(arguments, cwd=ROOT, input=b"", capture_output=True, timeout=30, check=False)
    assert result.returncode == 1
    assert b"Unable to connect" in result.stderr


def test_a_command_keeps_its_outputs_apart_and_its_status(cloud: Cloud) -> None:
    parameters = {"command": "echo out; echo oh no >&2; exit 42", "separateOutputStream": "true"}
    arguments = cloud.client("shell", "AWS-StartNonInteractiveCommand", "as above", **parameters)
    result = subprocess.run(arguments, cwd=ROOT, input=b"", capture_output=True, timeout=30, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (42, b"out\n", b"oh no\n")


def test_a_shell_on_a_terminal(cloud: Cloud) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 101, 0, 0))
    process = subprocess.Popen(
        cloud.client("shell", None), cwd=ROOT, stdin=child, stdout=child, stderr=subprocess.PIPE
    )
    seen = b""

    def until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            seen += os.read(parent, 4096)

    prompt = b"# " if os.getuid() == 0 else b"$ "
    try:
        until(prompt)
        os.write(parent, b"stty size; sleep 60\r")
        until(b"31 101")
        seen = b""
        os.write(parent, b"\x03")  # ends the sleep there, not the client here
        until(prompt)  # what is typed before it, the shell there may throw away
        os.write(parent, b"echo fin''ished; exit\r")
        until(b"finished")
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
        os.close(parent)
        os.close(child)
