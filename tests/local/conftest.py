"""The embedded AWS as a process of its own, for the tests below."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READY_S = 20.0
ANA = "AKIALOCALANA00000000"
BEN = "AKIALOCALBEN00000000"


@dataclass
class LocalAws:
    """A running server."""

    process: subprocess.Popen[str]
    state: Path
    endpoint_url: str
    _clients: dict[Any, Any] = field(default_factory=dict)

    def client(
        self, service: str, key: str = ANA, region: str = "us-east-1", token: str | None = None
    ) -> Any:
        """Return a boto3 client; one a service, key and region."""
        found = self._clients.get((service, key, region))
        if found is None:
            make: Any = boto3.client
            found = make(
                service,
                endpoint_url=self.endpoint_url,
                region_name=region,
                aws_access_key_id=key,
                aws_secret_access_key="any",
                aws_session_token=token,
                config=Config(retries={"max_attempts": 0}),
            )
            self._clients[service, key, region] = found
        return found

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call what is below /_local/."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.endpoint_url + path, data, method=method), timeout=20) as answer:  # noqa: S310 - our own loopback address
            text = answer.read().decode()
        return [json.loads(line) for line in text.splitlines()] if path == "/_local/log" else json.loads(text)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)


def start_server(state: Path, *arguments: str) -> LocalAws:
    """Start a server and wait until it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ds_ec2_local", "serve", "--state", str(state), *arguments], text=True
    )
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        if (state / "endpoint.json").exists():
            told = json.loads((state / "endpoint.json").read_text())
            if told["pid"] == process.pid:
                return LocalAws(process, state, told["endpoint_url"])
        time.sleep(0.02)
    process.kill()
    process.wait()
    pytest.fail("the embedded AWS did not start")


def wait_until(true: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Return the first true answer, or fail."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.05)
    pytest.fail(f"not within {seconds} s")


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A server with sandboxes."""
    server = start_server(tmp_path_factory.mktemp("local-aws"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def local_records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A server whose instances are records: quick."""
    server = start_server(tmp_path_factory.mktemp("local-records"), "--records-only", "--clock-scale", "60")
    yield server
    server.close()
