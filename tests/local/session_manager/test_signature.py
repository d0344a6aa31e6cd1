from __future__ import annotations

import time

import pytest
from tests.local.session_manager.plugin_client import ACCESS_KEY, SECRET, signed_headers

from ds_ec2_local.session_manager.signature import SignatureError, Upgrade, verify

BASE = "ws://127.0.0.1:4578"
PATHS = [
    "/v1/data-channel/ana-0123?role=publish_subscribe",
    "/v1/data-channel/ana@example.com-0123?role=publish_subscribe",
    "/v1/data-channel/ana%40b-0123?role=publish_subscribe&z=a%20b&a=",
]
KEYS = {ACCESS_KEY: SECRET}


def upgrade(path: str = PATHS[0], secret: str = SECRET, service: str = "ssmmessages") -> Upgrade:
    headers = signed_headers(BASE + path, secret, service)
    return Upgrade(
        path, {name.lower(): value for name, value in headers.items()} | {"host": "127.0.0.1:4578"}
    )


def refused(changed: Upgrade, at: float | None = None) -> str:
    with pytest.raises(SignatureError) as error:
        verify(changed, KEYS.__getitem__, at or time.time())
    return str(error.value)


@pytest.mark.parametrize("path", PATHS)
def test_what_botocore_signs_is_accepted(path: str) -> None:
    assert verify(upgrade(path), KEYS.__getitem__, time.time()) == ACCESS_KEY


def test_a_wrong_secret_is_refused() -> None:
    assert "does not match" in refused(upgrade(secret="other"))


def test_a_changed_path_is_refused() -> None:
    assert "does not match" in refused(Upgrade(PATHS[1], upgrade().headers))


def test_a_key_that_nobody_has_is_refused() -> None:
    with pytest.raises(SignatureError, match="invalid"):
        verify(upgrade(), {"AKIAOTHER": SECRET}.__getitem__, time.time())


def test_another_service_is_refused() -> None:
    assert "scoped" in refused(upgrade(service="ssm"))


def test_an_old_signature_is_refused() -> None:
    assert "expired" in refused(upgrade(), time.time() + 600)


@pytest.mark.parametrize("header", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=a/b"])
def test_a_missing_signature_is_refused(header: str) -> None:
    assert "Missing" in refused(Upgrade(PATHS[0], {"authorization": header}))


def test_a_date_that_is_none_is_refused() -> None:
    whole = upgrade()
    date = whole.headers["x-amz-date"][:8]
    assert "Date" in refused(Upgrade(PATHS[0], {**whole.headers, "x-amz-date": date}))


def test_a_key_without_known_secret_is_taken_at_its_word() -> None:
    assert verify(upgrade(secret="whatever"), lambda _key: None, time.time()) == ACCESS_KEY
