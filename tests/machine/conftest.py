"""A machine in a folder: the real loader, the real bootstrap, and what EC2 and SSM answer, over real HTTP."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import lzma
import os
import random
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ds_ec2_machine import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "ds-ec2-ana-work"
ROLE_KEY = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret/example+key", "Token": "session-token"}
SETTINGS = {"name": "work", "owner": "ana", "python": "3.11", "idle_minutes": "60", "data_volume_id": "vol-1"}
SETTINGS["bucket"] = "transit"


def zipped(files: dict[str, str]) -> bytes:
    """Return a zip file of texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def packed(aws: Aws, kind: str, main: str, files: dict[str, str], *pythons: str) -> str:
    """Put an archive into the bucket, and return the reference to it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    data = buffer.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"{STACK}/environment/{sha256}.tar.xz"
    aws.objects[key] = data
    return json.dumps({"kind": kind, "key": key, "sha256": sha256, "main": main, "python": list(pythons)})


class Aws:
    """Instance metadata, Systems Manager, the wait condition's bucket and a package index, on one port."""

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.written: list[dict[str, Any]] = []
        self.signals: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.files: dict[str, bytes] = {}
        self.objects: dict[str, bytes] = {}
        """Of the transit bucket, by key."""
        self._held: dict[str, threading.Event] = {}
        self.metadata = {"instance-life-cycle": "on-demand"}
        """More of the instance metadata, by path."""
        self.credentials_come_after = 0
        """So many requests for the role's credentials are answered 404 first."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.aws = self  # type: ignore[attr-defined] # the handler's only way here
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def path(self, leaf: str) -> str:
        """Return a parameter's full name."""
        return f"/ds-ec2/{STACK}/{leaf}"

    def publish(self, application: bytes, sha256: str | None = None) -> None:
        """Put a zip application into the parameters, as the stack does."""
        text = base64.b64encode(lzma.compress(application)).decode()
        parts = [text[at : at + 4096] for at in range(0, len(text), 4096)]
        names = [self.path(f"code/{index}") for index in range(len(parts))]
        self.parameters.update(zip(names, parts, strict=True))
        digest = sha256 or hashlib.sha256(application).hexdigest()
        self.parameters[self.path("code")] = json.dumps({"parts": names, "sha256": digest})

    def publish_package(self) -> None:
        """Put the real code into the parameters."""
        sha256, parts = pack.code()
        self.parameters[self.path("code")] = pack.manifest(f"/ds-ec2/{STACK}", len(parts), sha256)
        self.parameters.update({self.path(f"code/{index}"): part for index, part in enumerate(parts)})

    def publish_wheel(self, name: str, module: str, version: str = "1.0", needs: str = "") -> str:
        """Put a wheel into the package index and return its SHA-256."""
        info = f"{name}-{version}.dist-info"
        more = f"Requires-Dist: {needs}\n" if needs else ""
        files = {
            f"{name}.py": module,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        }
        wheel = f"{name}-{version}-py3-none-any.whl"
        data = self.files[f"/wheels/{wheel}"] = zipped(files)
        page = self.files.get(f"/simple/{name}/", b"")
        sha256 = hashlib.sha256(data).hexdigest()
        anchor = f'<a href="/wheels/{wheel}#sha256={sha256}">{wheel}</a>\n'
        self.files[f"/simple/{name}/"] = page + anchor.encode()
        return sha256

    def hold(self, path: str, until: threading.Event) -> None:
        """Let whoever asks for a file of the index wait."""
        self._held[path] = until

    def wait(self, path: str) -> None:
        """Wait where a file is held."""
        if path in self._held:
            self._held[path].wait(60)

    def close(self) -> None:
        """Stop answering."""
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers as AWS does; a request that is not signed is refused."""

    @property
    def aws(self) -> Aws:
        found: Aws = self.server.aws  # type: ignore[attr-defined] # set by Aws
        return found

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self) -> None:
        if self.path in self.aws.files:
            self.aws.wait(self.path)
            self._answer(200, self.aws.files[self.path], "text/html")
            return
        if self.path.startswith("/transit/"):
            if self.headers.get("Authorization") != self._signature(None, "s3"):
                self._answer(403, b"<Code>SignatureDoesNotMatch</Code>")
                return
            found = self.aws.objects.get(self.path.removeprefix("/transit/"))
            self._answer(404 if found is None else 200, found or b"<Code>NoSuchKey</Code>")
            return
        role = "/latest/meta-data/iam/security-credentials/"
        known = {role: b"machine-role", "/latest/meta-data/instance-id": b"i-0123456789abcdef0"}
        known[f"{role}machine-role"] = json.dumps(ROLE_KEY).encode()
        more = self.aws.metadata.items()
        known.update({f"/latest/meta-data/{path}": text.encode() for path, text in more})
        if not self.path.startswith("/latest/meta-data/") or self.path not in known:
            self._answer(404)
        elif self.headers.get("X-aws-ec2-metadata-token") != "imds-token":
            self._answer(401)
        elif self.path == role and self.aws.credentials_come_after > 0:
            self.aws.credentials_come_after -= 1
            self._answer(404)
        else:
            self._answer(200, known[self.path])

    def do_HEAD(self) -> None:
        self.do_GET()  # uv asks for a wheel's size first

    def do_PUT(self) -> None:
        body = self._body()
        if self.path == "/latest/api/token":
            with_life = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
            self._answer(200 if with_life else 400, b"imds-token")
        else:
            # The presigned URL is signed for an empty content type.
            right = self.path == "/signal?Signature=abc" and self.headers.get("Content-Type", "") == ""
            self._answer(200 if right else 403)
            if right:
                self.aws.signals.append(json.loads(body))

    def do_POST(self) -> None:
        body = self._body()
        action = self.headers.get("X-Amz-Target", "").removeprefix("AmazonSSM.")
        self.aws.calls.append(action)
        if self.headers.get("Authorization") != self._signature(body):
            self._answer(400, b'{"__type":"InvalidSignatureException"}')
            return
        request = json.loads(body)
        found: dict[str, Any] = {}
        if action == "GetParameters":
            assert len(request["Names"]) <= 10
            have = self.aws.parameters
            found["Parameters"] = [
                {"Name": one, "Value": have[one]} for one in reversed(request["Names"]) if one in have
            ]
        elif action == "PutParameter":
            assert len(request["Value"].encode()) <= 4096
            self.aws.written.append(request)
        self._answer(200, json.dumps(found).encode())

    def _signature(self, body: bytes | None, service: str = "ssm") -> str:
        """Return what botocore would have sent."""
        signed = self.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        headers = {name: self.headers[name] for name in signed}
        request = AWSRequest(self.command, self.aws.url + self.path, headers=headers, data=body)
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        credentials = Credentials(ROLE_KEY["AccessKeyId"], ROLE_KEY["SecretAccessKey"])
        auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, "eu-central-1")
        text = auth.string_to_sign(request, auth.canonical_request(request))
        signature = auth.signature(text, request)
        scope = auth.scope(request)
        names = ";".join(signed)
        return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"


class Machine:
    """A machine whose absolute paths lie below one folder, and whose services are child processes."""

    def __init__(self, root: Path, aws: Aws, **seams: Any) -> None:
        self.root = root
        self.aws = aws
        self.address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"  # noqa: S311
        (root / "volume").mkdir(exist_ok=True)
        self.seams = {
            "prefix": str(root),
            "supervisor": "child",
            "metadata_endpoint": aws.url,
            "aws_endpoint": aws.url,
            "bind_address": self.address,
            "stop_action": f"file:{root}/stopped",
            "volumes": {"vol-1": str(root / "volume")},
            "python": sys.executable,
            "os_packages": False,
            "terminals": str(root / "pts"),
            **seams,
        }
        self.platform_file = root / "platform.json"
        self.platform_file.write_text(json.dumps(self.seams))
        self.loader = self.file("/opt/ds-ec2/loader.py")
        self.loader.write_text(pack.loader_text())
        boot = {"region": "eu-central-1", "stack": STACK, "signal_url": f"{aws.url}/signal?Signature=abc"}
        self.file("/etc/ds-ec2/boot.json").write_text(json.dumps(boot))
        self.environment = {
            **os.environ,
            "DS_EC2_PLATFORM": str(self.platform_file),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache/uv")),
            "PIP_EXTRA_INDEX_URL": f"{aws.url}/simple/",
        }
        self._groups: list[int] = []

    def file(self, absolute: str) -> Path:
        """Return a path of the machine, its folder made."""
        path = self.root / absolute.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def run(self, *command: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a program of the machine, in a process group that ends with it."""
        process = subprocess.Popen(
            command,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._groups.append(process.pid)
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except BaseException:
            self.close()
            raise
        return subprocess.CompletedProcess(command, process.returncode, output)

    def boot(self) -> subprocess.CompletedProcess[str]:
        """Boot as EC2 does: by the loader."""
        return self.run(sys.executable, str(self.loader))

    def python(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the machine's code importable."""
        code = "\n".join([f"import sys; sys.path.insert(0, {str(Path(pack.__file__).parents[1])!r})", *lines])
        return self.run(sys.executable, "-c", code)

    def ask(self, verb: str, **arguments: Any) -> list[dict[str, Any]]:
        """Return the answers of the control road."""
        return self.send(json.dumps({"verb": verb, **arguments}).encode() + b"\n")

    def send(self, line: bytes) -> list[dict[str, Any]]:
        """Send raw bytes down the control road."""
        with socket.create_connection((self.address, 8765), timeout=60) as connection:
            connection.sendall(line)
            with connection.makefile("rb") as answers:
                return [json.loads(answer) for answer in answers]

    def begin(self, verb: str, **arguments: Any) -> TextIO:
        """Ask and return the answers as a file, to be closed at any moment."""
        connection = socket.create_connection((self.address, 8765), timeout=60)
        connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
        with connection:
            return connection.makefile("r", encoding="utf-8")

    def forget_cached(self, package: str) -> None:
        """Let uv fetch a package again."""
        command = [str(self.file("/opt/ds-ec2/uv/bin/uv")), "cache", "clean", "--quiet", package]
        subprocess.run(command, check=True, env=self.environment)

    def result(self, verb: str, **arguments: Any) -> Any:
        """Return the result of a verb that succeeds."""
        answer = self.ask(verb, **arguments)[-1]
        assert answer["ok"], answer
        return answer["result"]

    def stages(self) -> dict[str, dict[str, Any]]:
        """Return the stages by name."""
        return {stage["name"]: stage for stage in self.result("status")["stages"]}

    def processes(self, words: str) -> list[int]:
        """Return the machine's processes whose command line has these words (parted by zero bytes)."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                command = file.read_text(errors="replace")
                if words in command and str(self.root) in command:
                    found.append(int(file.parent.name))
        return found

    def close(self) -> None:
        """End every process of the machine."""
        for end in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + 10
            for group in self._groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, end)
                while end == signal.SIGTERM and _alive(group) and time.monotonic() < until:
                    time.sleep(0.05)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def aws() -> Iterator[Aws]:
    server = Aws()
    yield server
    server.close()


@pytest.fixture
def machine(tmp_path: Path, aws: Aws) -> Iterator[Machine]:
    """A machine that has not booted."""
    found = Machine(tmp_path, aws)
    yield found
    found.close()


@pytest.fixture(scope="session")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that has booted with two packages, one of them from an index that only pip was told of."""
    aws = Aws()
    aws.publish_package()
    aws.publish_wheel("tinytool", "ANSWER = 42\n")
    aws.parameters[aws.path("settings")] = json.dumps(SETTINGS)
    aws.parameters[aws.path("packages")] = "six\ntinytool\n"
    machine = Machine(tmp_path_factory.mktemp("machine"), aws)
    try:
        outcome = machine.boot()
        assert outcome.returncode == 0, outcome.stdout
        yield machine
    finally:
        machine.close()
        aws.close()


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose environment is changed: booted with two tools, of one of which a newer version came."""
    aws = Aws()
    aws.publish_package()
    aws.publish_wheel("tinytool", "ANSWER = 42\n")
    aws.publish_wheel("plaintool", "ANSWER = 1\n")
    aws.parameters[aws.path("settings")] = json.dumps(SETTINGS)
    aws.parameters[aws.path("packages")] = "plaintool\ntinytool\n"
    machine = Machine(tmp_path_factory.mktemp("applied"), aws)
    try:
        outcome = machine.boot()
        assert outcome.returncode == 0, outcome.stdout
        aws.publish_wheel("tinytool", "ANSWER = 43\n", "2.0")
        aws.publish_wheel("smalltool", "ANSWER = 7\n", needs="tinytool")
        yield machine
    finally:
        machine.close()
        aws.close()
