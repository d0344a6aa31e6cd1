"""The instance metadata service, version 2 alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ds_ec2_local.instances.spec import InstanceSpec

_TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - the header's name
# Seconds that a token may live.
# Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
_LONGEST_TTL_S = 21600

# `latest`, or a date; every date gives the newest content.
_VERSION = re.compile(r"latest|\d{4}-\d{2}-\d{2}")

Credentials: TypeAlias = "Callable[[InstanceSpec], Mapping[str, str]]"
Leaf: TypeAlias = "str | bytes | Callable[[], str]"
Tree: TypeAlias = "dict[str, Tree | Leaf]"


def tree(spec: InstanceSpec, credentials: Credentials, spot_action: str) -> Tree:
    """Return what lies below `/latest` for an instance.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
    """
    name = f"{spec.host_name}.ec2.internal"
    interface: Tree = {
        "device-number": "0",
        "local-hostname": name,
        "local-ipv4s": spec.private_ip,
        "mac": spec.mac,
        "owner-id": spec.account_id,
    }
    data: Tree = {
        "ami-id": spec.image_id,
        "hostname": name,
        "instance-action": "none",
        "instance-id": spec.instance_id,
        "instance-life-cycle": "spot" if spec.spot else "on-demand",
        "instance-type": spec.instance_type,
        "local-hostname": name,
        "local-ipv4": spec.private_ip,
        "mac": spec.mac,
        "network": {"interfaces": {"macs": {spec.mac: interface}}},
        "placement": {
            "availability-zone": spec.zone,
            "region": spec.region,
        },
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if spec.role:
        data["iam"] = _iam(spec, credentials)
    if spec.tags:
        data["tags"] = {"instance": dict(spec.tags)}
    if spot_action:
        data["spot"] = {"instance-action": spot_action}
    document = json.dumps(_identity(spec), indent=2)
    latest: Tree = {"meta-data": data, "dynamic": {"instance-identity": {"document": document}}}
    if spec.user_data:
        latest["user-data"] = spec.user_data
    return latest


def _iam(spec: InstanceSpec, credentials: Credentials) -> Tree:
    arn = spec.profile_arn or f"arn:aws:iam::{spec.account_id}:instance-profile/{spec.role}"
    info = {
        "Code": "Success",
        "LastUpdated": _now(),
        "InstanceProfileArn": arn,
        "InstanceProfileId": "AIPALOCAL",
    }

    def fresh() -> str:
        given = {"Code": "Success", "LastUpdated": _now(), "Type": "AWS-HMAC", **credentials(spec)}
        return json.dumps(given, indent=2)

    return {"info": json.dumps(info, indent=2), "security-credentials": {str(spec.role): fresh}}


def _identity(spec: InstanceSpec) -> dict[str, Any]:
    return {
        "accountId": spec.account_id,
        "architecture": "arm64" if os.uname().machine == "aarch64" else "x86_64",
        "availabilityZone": spec.zone,
        "imageId": spec.image_id,
        "instanceId": spec.instance_id,
        "instanceType": spec.instance_type,
        "privateIp": spec.private_ip,
        "region": spec.region,
        "version": "2017-09-30",
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find(root: Tree, path: str) -> bytes | None:
    """Return a value, or the list of a folder (its folders end with a slash); None where there is nothing."""
    node: Tree | Leaf = root
    rest = path.strip("/")
    while rest:
        if not isinstance(node, dict):
            return None
        # A tag's key may hold slashes.
        key = rest if rest in node else rest.split("/")[0]
        if key not in node:
            return None
        node, rest = node[key], rest[len(key) :].strip("/")
    if isinstance(node, dict):
        names = (f"{name}/" if isinstance(value, dict) else name for name, value in node.items())
        return "\n".join(sorted(names)).encode()
    value = node() if callable(node) else node
    return value if isinstance(value, bytes) else value.encode()


class Imds:
    """The metadata service of one instance, in threads of its own.

    Args:
        listener: A listening socket, which it closes at its end.
        spec: Returns the instance as it is now.
        credentials: Returns fresh `AccessKeyId`, `SecretAccessKey`, `Token`, `Expiration` of its role.
        clock: Seconds, for the tokens' lives.
    """

    def __init__(
        self,
        listener: socket.socket,
        spec: Callable[[], InstanceSpec],
        credentials: Credentials,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec, self._credentials, self._clock = spec, credentials, clock
        self._tokens: dict[str, float] = {}
        self.spot_action = ""
        self._server = _Server(listener, self)
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="imds", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closed:
            self._server.handle_request()

    def close(self) -> None:
        """Answer no more."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, without a poll
        self._thread.join()
        self._server.server_close()

    def token(self, ttl_s: int) -> str:
        """Return a new token."""
        now = self._clock()
        self._tokens = {token: end for token, end in self._tokens.items() if end > now}
        token = secrets.token_urlsafe(40)
        self._tokens[token] = now + ttl_s
        return token

    def valid(self, token: str) -> bool:
        """Whether a token was given and lives."""
        return self._tokens.get(token, 0.0) > self._clock()

    def value(self, path: str) -> bytes | None:
        """Return what lies at a path below `/latest`."""
        return find(tree(self._spec(), self._credentials, self.spot_action), path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, imds: Imds) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.imds = imds


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "EC2ws", ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_PUT(self) -> None:
        """Give a token."""
        if self.path != "/latest/api/token":
            self._answer(404)
        elif self.headers.get("X-Forwarded-For"):
            self._answer(403)  # a request that came through a proxy
        else:
            text = self.headers.get(_TTL_HEADER, "")
            ttl = int(text) if text.isdecimal() else 0
            if not 1 <= ttl <= _LONGEST_TTL_S:
                self._answer(400)
                return
            token = self.server.imds.token(ttl)
            self._answer(200, token.encode(), {_TTL_HEADER: str(ttl)})

    def do_GET(self) -> None:
        """Give a value to those who have a token."""
        if not self.server.imds.valid(self.headers.get(_TOKEN_HEADER, "")):
            self._answer(401)
            return
        version, _, path = self.path.lstrip("/").partition("/")
        value = self.server.imds.value(path) if _VERSION.fullmatch(version) and path else None
        if value is None:
            self._answer(404)
        else:
            self._answer(200, value)

    def _answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: paths name roles, and there is no reader."""
