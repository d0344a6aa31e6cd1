"""One object of the stack's bucket, fetched with the machine's role."""

from __future__ import annotations

import hmac
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Dict, Tuple

from ds_ec2_machine.loader import sha

if TYPE_CHECKING:
    from ds_ec2_machine.platform import Platform

_ROLE = "iam/security-credentials/"


def _address(platform: Platform, bucket: str, key: str) -> Tuple[str, str]:
    """Return host (with scheme) and path; keys hold nothing that has to be escaped.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    endpoint = platform.seams.get("aws_endpoint")
    if endpoint:
        return str(endpoint).rstrip("/"), f"/{bucket}/{key}"
    suffix = platform.boot.get("url_suffix", "amazonaws.com")
    return f"https://{bucket}.s3.{platform.boot['region']}.{suffix}", f"/{key}"


def get(platform: Platform, key: str) -> bytes:
    """Return an object's bytes.

    Raises:
        OSError: No answer, or an error; S3's own words are in it.
    """
    host, path = _address(platform, platform.settings()["bucket"], key)
    ask = urllib.request.Request(host + path, headers=_signed(platform, host, path))  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(ask, timeout=60) as answer:  # noqa: S310 - as above
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            words = error.read(500).decode(errors="replace")
        raise OSError(f"{key} of the bucket: {error.code} {words}") from None


def _signed(platform: Platform, host: str, path: str) -> Dict[str, str]:
    """Return the headers of a GET, signed (SigV4) with the role's credentials.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    keys = json.loads(platform.metadata(_ROLE + platform.metadata(_ROLE).split()[0]))
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {
        "host": host.split("//")[1],
        "x-amz-content-sha256": sha(b""),
        "x-amz-date": now,
        "x-amz-security-token": keys["Token"],
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    scope = f"{now[:8]}/{platform.boot['region']}/s3/aws4_request"
    digest = sha(f"GET\n{path}\n\n{lines}\n{names}\n{sha(b'')}".encode())
    sign = f"AWS4{keys['SecretAccessKey']}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"):
        sign = hmac.new(sign, part.encode(), "sha256").digest()
    credential = f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}"
    return {**headers, "authorization": f"{credential}, SignedHeaders={names}, Signature={sign.hex()}"}
