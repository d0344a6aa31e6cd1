"""An AWS that answers reads: plain moto, in this process, over real HTTP. No stacks run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ds_ec2.aws.account import Account, Keys, open_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "us-east-1"
DLAMI = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_EC2_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("DS_EC2_OWNER", "ana")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def account(endpoint: str) -> Account:
    return open_account(REGION, endpoint=endpoint, keys=Keys("ana", "ana"), flags=" --local")


@pytest.fixture(scope="session")
def raw(endpoint: str) -> Any:
    """A maker of plain boto3 clients: what a test does behind our back."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=endpoint,
            aws_access_key_id="ana",
            aws_secret_access_key="ana",
        )

    return client
