"""The commands of the article that all this grew from, typed into the AWS CLI against the embedded AWS.

The AWS CLI starts `session-manager-plugin`, which is not ours to ship: a stand-in takes its place on PATH.
It is this module, run by a few lines of Python (`plugin`, below), and it speaks the plugin's protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.session_manager.plugin_client import VERSION, MuxClient, PluginClient

from ds_ec2_local.services.credentials import PEOPLE
from ds_ec2_local.session_manager.wire import Flag

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.conftest import CommandLine

pytestmark = [pytest.mark.local, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
AWS = ROOT / ".venv" / "awscli" / "bin" / "aws"
REGION = "us-east-1"
RECORD = "STAND_IN_RECORD"
RUNNING = "Reservations[].Instances[?State.Name == 'running'].InstanceId[]"
PORT = "8123"
STARTS_WITHIN_S = 30.0
ANSWERS_WITHIN_S = 2.0


@dataclass(frozen=True)
class AwsCli:
    """`aws` as a reader of the article has it, with the embedded AWS behind it."""

    environment: dict[str, str]
    endpoint_url: str
    instance_id: str
    record: Path

    def __call__(self, *words: str) -> str:
        """Run a command to its end; return what it printed."""
        run = subprocess.run(
            [str(AWS), *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert run.returncode == 0, f"aws {' '.join(words)}\n{run.stdout}\n{run.stderr}"
        return run.stdout

    def start_session(self, *words: str) -> str:
        return self("ssm", "start-session", "--target", self.instance_id, f"--region={REGION}", *words)


@pytest.fixture(scope="module")
def aws(
    request: pytest.FixtureRequest, ds_ec2: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AwsCli]:
    """The AWS CLI, the stand-in on its PATH, and one machine; all gone at the end."""
    if request.config.getoption("--target") == "aws":
        pytest.skip("the stand-in knows the keys of the embedded AWS only")
    if not AWS.exists():
        pytest.skip(f"no AWS CLI at {AWS.relative_to(ROOT)}")
    folder = tmp_path_factory.mktemp("article")
    packages = folder / "requirements.txt"
    packages.write_text("# nothing beyond JupyterLab\n")
    plugin = folder / "bin" / "session-manager-plugin"
    plugin.parent.mkdir()
    plugin.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.local.test_article_commands import plugin\nplugin(sys.argv[1:])\n"
    )
    plugin.chmod(0o755)
    try:
        ds_ec2("up", "work", "--packages", str(packages), "--yes")
        endpoint_url = json.loads(ds_ec2("local", "status", "--json").stdout)["endpoint_url"]
        (machine,) = json.loads(ds_ec2("ls", "--json").stdout)
        record = folder / "record.json"
        environment = ds_ec2.environment | {
            "AWS_ACCESS_KEY_ID": PEOPLE[0].access_key,
            "AWS_SECRET_ACCESS_KEY": PEOPLE[0].secret_key,
            "AWS_ENDPOINT_URL": endpoint_url,
            "PATH": f"{plugin.parent}{os.pathsep}{ds_ec2.environment['PATH']}",
            "PLUGIN_CLIENT_ACCESS_KEY": PEOPLE[0].access_key,
            "PLUGIN_CLIENT_SECRET": PEOPLE[0].secret_key,
            RECORD: str(record),
        }
        yield AwsCli(environment, endpoint_url, machine["instance_id"], record)
    finally:
        ds_ec2("down", "work", "--data", "delete", "--yes", ok=False)
        ds_ec2("network", "down", "--yes", ok=False)


def test_the_article_lists_the_running_instances(aws: AwsCli) -> None:
    printed = aws("ec2", "describe-instances", f"--region={REGION}", "--query", RUNNING, "--output", "text")
    assert aws.instance_id in printed.split()


def test_the_article_opens_a_shell(aws: AwsCli) -> None:
    printed = aws.start_session()
    assert re.search(r"[\r\n]42\r?\n", printed), printed
    record = json.loads(aws.record.read_text())
    response, region, operation, profile, parameters, endpoint = record["arguments"]
    assert response == "AWS_SSM_START_SESSION_RESPONSE"
    assert set(record["session"]) == {"SessionId", "TokenValue", "StreamUrl"}
    assert (region, operation, profile) == (REGION, "StartSession", "")
    assert json.loads(parameters) == {"Target": aws.instance_id}
    assert endpoint == aws.endpoint_url


def test_the_article_reaches_jupyterlab_in_a_screen(aws: AwsCli, ds_ec2: CommandLine) -> None:
    screen = f"cd ~ && screen -dmS jupyter jupyter-lab --no-browser --port={PORT}"
    ds_ec2("ssh", "work", "--", screen)
    ports = {"portNumber": [PORT], "localPortNumber": [PORT]}
    document = "AWS-StartPortForwardingSession"
    printed = aws.start_session("--document-name", document, "--parameters", json.dumps(ports))
    status, _, rest = printed.partition("\n")
    assert status.split()[1] == "200", printed
    assert "version" in json.loads(rest.partition("\n\n")[2])
    assert json.loads(json.loads(aws.record.read_text())["arguments"][4])["Parameters"] == ports


@pytest.mark.skipif(shutil.which("sshd", path="/usr/sbin:/sbin") is None, reason="sshd is not installed")
def test_the_article_reaches_the_machines_ssh_server(aws: AwsCli) -> None:
    printed = aws.start_session("--document-name", "AWS-StartSSHSession", "--parameters", "portNumber=22")
    assert printed.startswith("SSH-2.0-")


def plugin(arguments: list[str]) -> None:
    """Be the plugin: tell the version, or write down what was handed over and serve one session."""
    if arguments == ["--version"]:
        sys.stdout.write(f"{VERSION}\n")
        return
    session = json.loads(os.environ.get(arguments[0], arguments[0]))
    Path(os.environ[RECORD]).write_text(json.dumps({"arguments": arguments, "session": session}))
    serve = SERVED[json.loads(arguments[4]).get("DocumentName")]
    sys.stdout.buffer.write(asyncio.run(_served(session, serve)))


async def _served(session: dict[str, str], serve: Callable[[PluginClient], Awaitable[bytes]]) -> bytes:
    client = PluginClient()
    await client.attach(session)
    try:
        return await serve(client)
    finally:
        await client.detach()


async def _shell(client: PluginClient) -> bytes:
    """Type a line at the prompt; return what the terminal showed until the shell ended."""
    shown = (await client.next(20)).payload
    await client.send(b"echo $((6*7)) && exit\n")
    await client.goodbye(20)
    while not client.received.empty():
        shown += client.received.get_nowait().payload
    return shown


async def _web(client: PluginClient) -> bytes:
    """Ask JupyterLab for its version, until it is up."""
    await client.shake_hands()
    mux = MuxClient(client)
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            while not (answer := await _answer(mux)):
                pass  # an attempt that fails takes its time
    finally:
        await mux.close()
    await client.send_flag(Flag.TERMINATE_SESSION)
    await client.goodbye()
    return answer.replace(b"\r\n", b"\n")


async def _answer(mux: MuxClient) -> bytes:
    """Return what the port answers on a stream of its own; nothing while nobody listens there."""
    stream = await mux.open()
    await mux.write(stream, b"GET /api HTTP/1.0\r\n\r\n")
    with contextlib.suppress(TimeoutError):
        if answer := await mux.end(stream, ANSWERS_WITHIN_S):
            return answer
        await asyncio.sleep(0.5)
    return b""


async def _ssh(client: PluginClient) -> bytes:
    """Return the greeting of the machine's SSH server."""
    await client.shake_hands()
    greeting = (await client.next(20)).payload
    await client.send_flag(Flag.TERMINATE_SESSION)
    await client.goodbye()
    return greeting


SERVED: dict[Any, Callable[[PluginClient], Awaitable[bytes]]] = {
    None: _shell,
    "AWS-StartPortForwardingSession": _web,
    "AWS-StartSSHSession": _ssh,
}
