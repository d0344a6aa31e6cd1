"""The signature of a websocket's upgrade: Signature Version 4 for the service ssmmessages.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

SERVICE = "ssmmessages"
LARGEST_SKEW_S = 300
"""Source: AWS refuses requests whose date is more than five minutes away."""

SecretOf = Callable[[str], str | None]
"""From an access key to its secret; None where that is not known; LookupError for a key that is not."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<scope>\d{8}/[a-z0-9-]+/[a-z]+/aws4_request),\s*"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class SignatureError(Exception):
    """An upgrade that is not signed, or not rightly."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The request that opens a websocket: its path with the query, and its headers by lower-case name."""

    target: str
    headers: Mapping[str, str]


def verify(upgrade: Upgrade, secret_of: SecretOf, now: float) -> str:
    """Return the access key that an upgrade is signed with; `now` is in seconds since 1970.

    Raises:
        SignatureError: There is no signature, its key is unknown, or it is wrong or old.
    """
    found = _AUTHORIZATION.fullmatch(upgrade.headers.get("authorization", ""))
    if found is None:
        raise SignatureError("Missing Authentication Token")
    scope, signed = found["scope"], found["headers"].split(";")
    date = upgrade.headers.get("x-amz-date", "")
    if scope.split("/")[2] != SERVICE or not date.startswith(scope[:8]) or "host" not in signed:
        raise SignatureError("Credential should be scoped to correct service: 'ssmmessages'.")
    if abs(_seconds(date) - now) > LARGEST_SKEW_S:
        raise SignatureError("Signature expired")
    try:
        secret = secret_of(found["key"])
    except LookupError:
        raise SignatureError("The security token included in the request is invalid.") from None
    if secret is not None:
        expected = _signature(upgrade, secret, scope, signed)
        if not hmac.compare_digest(expected, found["signature"]):
            raise SignatureError("The request signature we calculated does not match the one you provided.")
    return found["key"]


def _seconds(date: str) -> float:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SignatureError("Date in X-Amz-Date is not valid") from None


def _signature(upgrade: Upgrade, secret: str, scope: str, signed: list[str]) -> str:
    url = urlsplit(upgrade.target)
    query = sorted(
        (quote(key, safe="-_.~"), quote(value, safe="-_.~"))
        for key, value in parse_qsl(url.query, keep_blank_values=True)
    )
    headers = "".join(f"{name}:{' '.join(upgrade.headers.get(name, '').split())}\n" for name in signed)
    request = "\n".join(
        [
            "GET",
            quote(url.path, safe="/-_.~"),
            "&".join(f"{key}={value}" for key, value in query),
            headers,
            ";".join(signed),
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            upgrade.headers.get("x-amz-date", ""),
            scope,
            hashlib.sha256(request.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()
