"""The embedded AWS as `--local` has it: started by the operations themselves, in a process of its own."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

from ds_ec2.aws.account import open_account
from ds_ec2.model.target import Target
from ds_ec2.operations.connect import connect
from ds_ec2.operations.local import local_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_s3 import S3Client

    from ds_ec2.aws.account import Account


@pytest.fixture(scope="session", autouse=True)
def private_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings, no credentials and no state of whoever runs the tests."""
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("operations")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "DS_EC2_OWNER"):
        patch.delenv(name, raising=False)
    patch.setenv("DS_EC2_STATE", str(home))
    patch.setenv("DS_EC2_CONFIG", str(home / "config.toml"))
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield
    patch.undo()


@pytest.fixture(scope="session")
def account(private_state: None) -> Iterator[Account]:  # noqa: ARG001 - only its effect is wanted
    yield connect(Target(local=True))
    list(local_stop())


@pytest.fixture
def faults(account: Account) -> Iterator[Callable[..., None]]:
    """Tell the embedded AWS to fail; it stops failing when the test ends."""

    def call(method: str, document: dict[str, Any]) -> None:
        url = urlsplit(account.endpoint or "")
        connection = HTTPConnection(url.hostname or "", url.port, timeout=10)
        connection.request(method, "/_local/faults", json.dumps(document))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()

    yield lambda **wanted: call("POST", wanted)
    call("DELETE", {})


@pytest.fixture
def other_region(account: Account) -> Account:
    """The same AWS in another region."""
    return open_account("us-west-1", endpoint=account.endpoint, keys=account.keys, flags=account.flags)


@pytest.fixture
def s3(account: Account) -> Iterator[S3Client]:
    """What a user puts into a bucket does not come through ds-ec2."""
    assert account.keys is not None
    client = boto3.client(
        "s3",
        region_name=account.region,
        endpoint_url=account.endpoint,
        aws_access_key_id=account.keys.id,
        aws_secret_access_key=account.keys.secret,
    )
    yield client
    client.close()
