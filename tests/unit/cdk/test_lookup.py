"""What `cdk deploy` looks up, over real HTTP against moto's EC2 and SSM."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from ds_ec2.aws.account import Account, Keys
from ds_ec2.errors import NotFoundError, UsageError
from ds_ec2_cdk.lookup import Found, Memory, Wish, ask, look_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield Account("us-east-1", endpoint=f"http://127.0.0.1:{port}", keys=Keys("id", "secret"))
    server.stop()


def test_image_size_and_zone_come_from_the_type(account: Account) -> None:
    intel = ask(account, Wish(), Found("m7i-flex.xlarge"), Memory(None))
    arm = ask(account, Wish(), Found("m6g.large"), Memory(None))
    assert intel.image.startswith("ami-")
    assert intel.image != arm.image == arm.way_out_image == intel.way_out_image
    assert intel.root_device == "/dev/xvda"
    assert intel.root_gib is not None
    assert intel.root_gib >= 8 + 16
    assert intel.zone == "us-east-1a"


def test_an_answer_is_remembered_for_the_next_synthesis(account: Account, tmp_path: Path) -> None:
    context = tmp_path / "cdk.context.json"
    context.write_text('{"hosted-zone": "of somebody else"}')
    first = ask(account, Wish(), Found("m7i-flex.xlarge"), Memory(context))
    document: dict[str, Any] = json.loads(context.read_text())
    assert document["hosted-zone"] == "of somebody else"
    key = next(key for key, value in document.items() if first.image in str(value))
    document[key]["id"] = "ami-0000000000000remembered"
    context.write_text(json.dumps(document))
    again = ask(account, Wish(), Found("m7i-flex.xlarge"), Memory(context))
    assert again.image == "ami-0000000000000remembered"


def test_a_resize_keeps_the_image(account: Account, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "cdk.context.json")
    small = ask(account, Wish(), Found("m7i-flex.xlarge"), memory)
    large = ask(account, Wish("m7i-flex.4xlarge"), Found("m7i-flex.4xlarge", fixed=True), memory)
    assert small.image == large.image


def test_an_image_of_another_architecture_is_refused(account: Account) -> None:
    arm = ask(account, Wish(), Found("m6g.large"), Memory(None)).image
    with pytest.raises(UsageError, match="does not run on m7i-flex"):
        ask(account, Wish(image=arm), Found("m7i-flex.xlarge"), Memory(None))


def test_no_shared_network_is_said(account: Account) -> None:
    with pytest.raises(NotFoundError, match="no shared network"):
        ask(account, Wish(shared=True), Found("m7i-flex.xlarge"), Memory(None))


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without credentials, region or metadata service."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path / "cdk.context.json"


def test_without_region_or_credentials_everything_is_left_open(nobody: Path) -> None:
    assert look_up(Wish(), nobody) == Found("m7i-flex.xlarge", problem="no region is known")
    found = look_up(Wish(region="us-east-1", image="ami-0123456789abcdef0"), nobody)
    assert "no AWS credentials" in found.problem
    assert found.image == "ami-0123456789abcdef0"
    assert not nobody.exists()


def test_an_emulators_images_are_not_remembered(
    nobody: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(account.endpoint))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    found = look_up(Wish(region="us-east-1"), nobody)
    assert found.image.startswith("ami-")
    assert not found.problem
    assert not nobody.exists()
    with pytest.raises(NotFoundError):
        look_up(Wish(region="us-east-1", instance_type="m99.nano"), nobody)


def test_the_environment_is_read_as_the_article_names_it() -> None:
    environment = {"INSTANCE_TYPE": "g5.xlarge", "AWS_AMI": "ami-1", "CDK_DEFAULT_REGION": "eu-west-1"}
    assert Wish.of(environment | {"AWS_REGION": "us-east-1"}) == Wish("g5.xlarge", "ami-1", "eu-west-1")
    assert Wish.of({"AWS_REGION": "us-east-1"}).region == "us-east-1"
