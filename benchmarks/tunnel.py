"""The tunnel over loopback: client, gateway, guest and programs are processes of their own."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from tests.local.tunnel_client import GatewaySource
from tests.unit.tunnel.tcp_server import noise, read_exactly

from ds_ec2.tunnel import PortForward

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 1_000_000
REQUESTS = 500


@dataclass(frozen=True)
class Rate:
    """MB a second, all sessions together, and the client's CPU seconds for each MB upwards."""

    pace: str
    sessions: int
    down: float
    up: float
    cpu_s_per_mb: float


@dataclass(frozen=True)
class Latency:
    """Medians of one small request on a connection that stays, in milliseconds."""

    direct_ms: float
    unpaced_ms: float
    agent_ms: float


@dataclass(frozen=True)
class Machine:
    """What a client needs: ports of the programs, and who starts sessions."""

    ports: dict[str, int]
    questions: IO[str]
    answers: IO[str]
    lock: Lock = field(default_factory=Lock)

    def forward(self, program: str, pace: float | None = None) -> PortForward:
        """Return a tunnel to a program, unpaced upwards where `pace` is 0."""
        given: dict[str, Any] = {} if pace is None else {"pace": pace}
        return PortForward(GatewaySource(self._start), "i-0123456789abcdef0", self.ports[program], **given)

    def _start(self, *question: Any) -> dict[str, str]:
        with self.lock:
            self.questions.write(json.dumps(question) + "\n")
            self.questions.flush()
            return dict(json.loads(self.answers.readline()))


@contextmanager
def machine(pace: str) -> Iterator[Machine]:
    """Start gateway, guest and programs."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "guest.sock"

        def start(*words: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", *words]
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
            stack.enter_context(child)
            stack.callback(child.terminate)
            return child

        start("tests.local.tunnel_guest", str(path))
        far_end, programs = start("benchmarks.far_end", pace, str(path)), start("benchmarks.programs")
        assert programs.stdout is not None
        assert far_end.stdin is not None
        assert far_end.stdout is not None
        ports = json.loads(programs.stdout.readline())
        while not path.exists():
            time.sleep(0.02)
        yield Machine(ports, far_end.stdin, far_end.stdout)


def take(port: int, size: int) -> None:
    """Read what a program gives."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"x")
        read_exactly(connection, size)


def send(port: int, data: bytes) -> None:
    """Send to a program, and wait until it has all."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(len(data).to_bytes(8, "big") + data)
        read_exactly(connection, 32)


def rate(pace: str, sessions: int) -> Rate:
    """Measure down and up at a gateway with this pace (`none` or `agent`)."""
    size = 4 if pace == "agent" else 32
    data = noise(16 * MB)
    with machine(pace) as there, ThreadPoolExecutor(sessions) as pool:
        with ExitStack() as stack:
            ports = _ports(stack, there, f"give_{size}", sessions)
            began = time.monotonic()
            list(pool.map(lambda port: take(port, size * MB), ports))
            down = sessions * size / (time.monotonic() - began)
        with ExitStack() as stack:
            ports = _ports(stack, there, "take", sessions)
            began, cpu = time.monotonic(), time.process_time()
            list(pool.map(lambda port: send(port, data), ports))
            up = sessions * 16 / (time.monotonic() - began)
            spent = (time.process_time() - cpu) / (sessions * 16)
    return Rate(pace, sessions, down, up, spent)


def _ports(stack: ExitStack, there: Machine, program: str, sessions: int) -> list[int]:
    return [stack.enter_context(there.forward(program, pace=0)).local_port for _ in range(sessions)]


def upload_at_default_pace() -> Rate:
    """Measure what `ds-ec2 lab` does: the client paces itself."""
    with machine("agent") as there, there.forward("take") as tunnel:
        began, cpu = time.monotonic(), time.process_time()
        send(tunnel.local_port, noise(4 * MB))
        wall, spent = time.monotonic() - began, time.process_time() - cpu
    return Rate("agent", 1, 0.0, 4 / wall, spent / 4)


def latency() -> Latency:
    """Measure small requests, straight and through both gateways."""
    with machine("none") as there, there.forward("web") as tunnel:
        direct, unpaced = _median(there.ports["web"]), _median(tunnel.local_port)
    with machine("agent") as there, there.forward("web") as tunnel:
        return Latency(direct, unpaced, _median(tunnel.local_port))


def _median(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times = []
    for _ in range(REQUESTS):
        began = time.monotonic()
        connection.request("GET", "/")
        connection.getresponse().read()
        times.append(time.monotonic() - began)
    connection.close()
    return statistics.median(times) * 1000
