"""Real instances for tests, and a stand-in for the AWS APIs' port."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ds_ec2_local.instances import guest_client, isolation, users
from ds_ec2_local.instances.sandbox import InstanceSpec, Sandboxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CREDENTIALS = {"AccessKeyId": "AKIA", "SecretAccessKey": "secret", "Token": "token", "Expiration": "later"}
_numbers = itertools.count(1)


class Api(http.server.BaseHTTPRequestHandler):
    """Says what was asked."""

    def do_GET(self) -> None:
        body = f"api {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@dataclass
class World:
    """The instances of one server, and what they told it."""

    sandboxes: Sandboxes
    state: Path
    api_port: int
    exits: list[tuple[str, str]] = field(default_factory=list)

    def launch(self, script: str = "", *, wait: bool = True, **more: Any) -> str:
        """Start an instance whose user data is a shell script; wait for the script's end."""
        number = next(_numbers)
        identity = f"i-{number:017x}"
        data = f"#!/bin/bash\n{script}".encode() if script else b""
        facts: dict[str, Any] = {"user_data": data, "way_out": False, **more}
        spec = InstanceSpec(identity, "ami-1", f"10.0.2.{number % 200 + 4}", "us-east-1", **facts)
        self.sandboxes.start(spec)
        if wait:
            self.wait_until(lambda: "cloud-init: finished" in self.console(identity))
        return identity

    @staticmethod
    def wait_until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        """Return what the condition gives once it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s")

    def console(self, identity: str) -> str:
        return self.sandboxes.console_output(identity).decode()

    def run(self, identity: str, command: str, user: str = "root") -> tuple[int, str, str]:
        """Run a command inside without a terminal; return its status, output and errors."""
        return asyncio.run(self._run(identity, command, user))

    async def _run(self, identity: str, command: str, user: str) -> tuple[int, str, str]:
        path = self.sandboxes.guest_socket(identity)
        shell = await guest_client.open_shell(path, command, user=user, terminal=False)
        texts = {guest_client.OUTPUT: b"", guest_client.ERROR: b""}
        while True:
            kind, payload = await shell.read()
            if kind == guest_client.EXIT:
                await shell.close()
                output, errors = (text.decode() for text in texts.values())
                return int(payload), output, errors
            texts[kind] += payload

    def output(self, identity: str, command: str, user: str = "root") -> str:
        """Return the output of a command that must succeed."""
        status, text, errors = self.run(identity, command, user)
        assert status == 0, errors
        return text.strip()

    def restarted(self, identity: str, boots: int) -> bool:
        """Whether rc.local, which has to count its boots in /boots, ended so often."""
        return self.console(identity).count("rc.local: ended") == boots


Make: TypeAlias = "Callable[[Path, isolation.Isolation], contextlib.AbstractContextManager[World]]"


@contextlib.contextmanager
def make_world(state: Path, allowed: isolation.Isolation) -> Iterator[World]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    exits: list[tuple[str, str]] = []
    sandboxes = Sandboxes(
        state,
        f"http://127.0.0.1:{server.server_port}",
        lambda _spec: CREDENTIALS,
        lambda identity, how: exits.append((identity, how)),
        allowed,
    )
    yield World(sandboxes, state, server.server_port, exits)
    sandboxes.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def allowed() -> isolation.Isolation:
    return isolation.detect()


@pytest.fixture(scope="module")
def world(allowed: isolation.Isolation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if allowed.kind != "namespaces":
        pytest.skip(f"no namespaces here: {allowed.reason}")
    with make_world(tmp_path_factory.mktemp("state"), allowed) as made:
        yield made


@pytest.fixture(scope="module")
def networked(world: World, allowed: isolation.Isolation) -> World:
    if not allowed.stack:
        pytest.skip(allowed.reason)
    return world


@pytest.fixture(scope="module")
def several_users(networked: World) -> World:
    if not users.many_ids():
        pytest.skip("without root there is one user id in an instance")
    return networked


@pytest.fixture(scope="module")
def make() -> Make:
    """Makes worlds that are not the usual one."""
    return make_world


@pytest.fixture(scope="module")
def api() -> type[Api]:
    return Api
