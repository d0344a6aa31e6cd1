"""The metadata service, asked from inside an instance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.instances.conftest import World

BASE = "http://169.254.169.254/latest"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
CODE = "curl -s -o /dev/null -w '%{http_code}'"


@pytest.fixture(scope="module")
def instance(networked: World) -> str:
    return networked.launch("true", role="reader", tags={"Name": "box", "a/b": "c"}, spot=True)


def get(world: World, instance: str, path: str) -> str:
    """Return a value, with a fresh token."""
    token = f"$(curl -s -X PUT -H '{TTL}: 60' {BASE}/api/token)"
    return world.output(instance, f'curl -sf -H "X-aws-ec2-metadata-token: {token}" "{BASE}/{path}"')


def test_without_a_token_nothing_is_told(networked: World, instance: str) -> None:
    assert networked.output(instance, f"{CODE} {BASE}/meta-data/instance-id") == "401"
    made_up = "-H 'X-aws-ec2-metadata-token: made-up'"
    assert networked.output(instance, f"{CODE} {made_up} {BASE}/meta-data/instance-id") == "401"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", "400"),
        (f"-H '{TTL}: 0'", "400"),
        (f"-H '{TTL}: 21601'", "400"),
        (f"-H '{TTL}: 21600'", "200"),
        (f"-H '{TTL}: 60' -H 'X-Forwarded-For: 1.2.3.4'", "403"),
    ],
)
def test_a_token_has_a_time_to_live(networked: World, instance: str, headers: str, status: str) -> None:
    assert networked.output(instance, f"{CODE} -X PUT {headers} {BASE}/api/token") == status


def test_what_it_tells(networked: World, instance: str) -> None:
    def value(path: str) -> str:
        return get(networked, instance, f"meta-data/{path}")

    assert value("instance-id") == instance
    assert value("placement/region") == "us-east-1"
    assert value("placement/availability-zone") == "us-east-1a"
    assert value("instance-life-cycle") == "spot"
    assert value("tags/instance/Name") == "box"
    assert value("tags/instance/a/b") == "c"
    mac = value("mac")
    assert value("network/interfaces/macs/") == f"{mac}/"
    assert value(f"network/interfaces/macs/{mac}/local-ipv4s") == value("local-ipv4")
    assert {"iam/", "instance-id", "placement/"} <= set(value("").split())
    assert json.loads(value("iam/info"))["InstanceProfileArn"].endswith("instance-profile/reader")
    assert value("iam/security-credentials/") == "reader"
    credentials = json.loads(value("iam/security-credentials/reader"))
    assert (credentials["Code"], credentials["Token"]) == ("Success", "token")


def test_user_data_and_the_identity_document(networked: World, instance: str) -> None:
    assert get(networked, instance, "user-data") == "#!/bin/bash\ntrue"
    document = json.loads(get(networked, instance, "dynamic/instance-identity/document"))
    assert document["instanceId"] == instance


def test_the_interruption_notice_comes_and_goes(networked: World, instance: str) -> None:
    token = f"$(curl -s -X PUT -H '{TTL}: 60' {BASE}/api/token)"
    ask = f'{CODE} -H "X-aws-ec2-metadata-token: {token}" {BASE}/meta-data/spot/instance-action'
    assert networked.output(instance, ask) == "404"
    networked.sandboxes.set_spot_action(instance, "stop", "2030-01-01T00:00:00Z")
    notice = json.loads(get(networked, instance, "meta-data/spot/instance-action"))
    assert notice == {"action": "stop", "time": "2030-01-01T00:00:00Z"}
    networked.sandboxes.set_spot_action(instance, None)
    assert networked.output(instance, ask) == "404"


def test_tags_change_while_it_runs(networked: World) -> None:
    identity = networked.launch("true", tags={"Name": "old"})
    networked.sandboxes.set_tags(identity, {"Name": "new"})
    assert get(networked, identity, "meta-data/tags/instance/Name") == "new"
