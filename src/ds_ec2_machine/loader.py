"""Fetch the machine's code and run it. Embedded in user data: one file, Python 3.9, no dollar-brace.

It is also the machine's AWS client: `ds_ec2_machine.platform` builds on `Host`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import lzma
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

FIRST_WAIT_S = 900.0  # a way out that starts with the machine takes a minute or two
LATER_WAIT_S = 45.0  # there is a copy to run
PAUSE_S = 5.0
MOST_NAMES = 10  # of one GetParameters
SERVICE = "ssm"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # metadata never goes by a proxy


def read(path: str) -> dict[str, Any]:
    """Return a JSON file's object, empty where there is no file."""
    file = Path(path)
    return dict(json.loads(file.read_text())) if file.exists() else {}


def sha(data: bytes) -> str:
    """Return the hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def write(path: str, data: bytes, mode: int = 0o644) -> None:
    """Write a file in one rename, making its folder."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    new.chmod(mode)
    new.replace(target)


class Host:
    """What the machine knows of itself, and its calls to AWS."""

    def __init__(self) -> None:
        self.seams = read(os.environ.get("DS_EC2_PLATFORM", "/etc/ds-ec2/platform.json"))
        self.boot = read(self.path("/etc/ds-ec2/boot.json"))

    def path(self, absolute: str) -> str:
        """Return where an absolute path lies on this machine."""
        return f"{self.seams.get('prefix', '')}{absolute}"

    def leaf(self, name: str) -> str:
        """Return the full name of one of this machine's parameters."""
        return f"/ds-ec2/{self.boot['stack']}/{name}"

    def metadata(self, path: str) -> str:
        """Return one value of the instance metadata (IMDSv2)."""
        base = f"{self.seams.get('metadata_endpoint', 'http://169.254.169.254')}/latest"
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        ask = urllib.request.Request(f"{base}/api/token", method="PUT", headers=headers)  # noqa: S310 - http
        with DIRECT.open(ask, timeout=5) as answer:
            token = answer.read().decode()
        headers = {"X-aws-ec2-metadata-token": token}
        ask = urllib.request.Request(f"{base}/meta-data/{path}", headers=headers)  # noqa: S310 - http
        with DIRECT.open(ask, timeout=5) as answer:
            return str(answer.read().decode())

    def ssm(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call Systems Manager once, signed (SigV4) with the role's credentials.

        Raises:
            OSError: No answer, or an error; AWS's own words are in it.
        """
        role = "iam/security-credentials/"
        key = json.loads(self.metadata(role + self.metadata(role).split()[0]))
        region = self.boot["region"]
        suffix = self.boot.get("url_suffix", "amazonaws.com")
        url = self.seams.get("aws_endpoint") or f"https://{SERVICE}.{region}.{suffix}"
        data = json.dumps(body).encode()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": url.split("//")[1].split("/")[0],
            "x-amz-date": now,
            "x-amz-security-token": key["Token"],
            "x-amz-target": f"AmazonSSM.{action}",
        }
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        scope = f"{now[:8]}/{region}/{SERVICE}/aws4_request"
        digest = sha(f"POST\n/\n\n{lines}\n{names}\n{sha(data)}".encode())
        sign = f"AWS4{key['SecretAccessKey']}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"):
            sign = hmac.new(sign, part.encode(), "sha256").digest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={key['AccessKeyId']}/{scope},"
            f" SignedHeaders={names}, Signature={sign.hex()}"
        )
        ask = urllib.request.Request(f"{url.rstrip('/')}/", data, headers)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(ask, timeout=10) as answer:  # noqa: S310 - as above
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                raise OSError(f"{action}: {error.code} {error.read(500).decode(errors='replace')}") from None

    def parameters(self, *names: str) -> list[str]:
        """Return the values of parameters, in order.

        Raises:
            OSError: As for `ssm`.
            KeyError: One of them does not exist.
        """
        values = {}
        for at in range(0, len(names), MOST_NAMES):
            for one in self.ssm("GetParameters", {"Names": names[at : at + MOST_NAMES]})["Parameters"]:
                values[one["Name"]] = one["Value"]
        return [values[name] for name in names]

    def signal(self, status: str, reason: str) -> None:
        """Tell CloudFormation, once, whether the machine can be reached."""
        way, done = self.seams.get("signal", "put"), self.path("/var/lib/ds-ec2/signalled")
        mark = json.dumps(self.boot)  # an image of this machine signals for its own stack
        if way == "none" or (Path(done).exists() and Path(done).read_text() == mark):
            return
        name = self.metadata("instance-id")
        text = {"Status": status, "UniqueId": name, "Data": "reachable", "Reason": reason}
        data = json.dumps(text).encode()
        if way == "put":
            # The URL is signed for an empty content type.
            ask = urllib.request.Request(self.boot["signal_url"], data, {"content-type": ""}, method="PUT")  # noqa: S310
            urllib.request.urlopen(ask, timeout=20).close()  # noqa: S310 - CloudFormation's own URL
        else:
            write(way.split(":", 1)[1], data)
        write(done, mark.encode(), 0o600)


def fetch(host: Host, target: str) -> None:
    """Write the zip application that the stack's parameters hold.

    Raises:
        ValueError: What came is not what the stack names.
    """
    code = json.loads(host.parameters(host.leaf("code"))[0])
    data = lzma.decompress(base64.b64decode("".join(host.parameters(*code["parts"]))))
    if sha(data) != code["sha256"]:
        raise ValueError(f"the code's SHA-256 is {sha(data)}, the stack names {code['sha256']}")
    write(target, data)


def main() -> None:
    """Fetch, or fall back on the copy of the last boot, then become `machine.pyz boot`."""
    host = Host()
    target = host.path("/opt/ds-ec2/machine.pyz")
    copy = Path(target).exists()
    end = time.monotonic() + (LATER_WAIT_S if copy else FIRST_WAIT_S)
    said = ""
    while True:
        try:
            fetch(host, target)
            break
        except (OSError, KeyError, ValueError, lzma.LZMAError) as error:
            reason = f"cannot fetch the machine's code: {error!r}"
            late = time.monotonic() > end or isinstance(error, ValueError)
        if reason != said:
            print(f"ds-ec2: {reason}; {'giving up' if late else 'waiting'}", flush=True)  # noqa: T201 - console
            said = reason
        if late and copy:
            print("ds-ec2: running the copy of the last boot", flush=True)  # noqa: T201 - console
            break
        if late:
            host.signal("FAILURE", reason)
            sys.exit(1)
        time.sleep(PAUSE_S)
    os.execv(sys.executable, [sys.executable, target, "boot"])  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
