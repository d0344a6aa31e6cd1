"""The roads of an instance: to the AWS APIs always, to the outside when its way out is open."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from ds_ec2_local.instances import guest_client, network
from ds_ec2_local.instances.isolation import Isolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.instances.conftest import Api, Make, World


def outer_address() -> str:
    """Return an address of this host that is not the loopback's; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


@pytest.fixture(scope="module")
def outside(api: type[Api]) -> Iterator[str]:
    """A web server that stands for the internet."""
    address = outer_address()
    if address.startswith("127."):
        pytest.skip("this host has no address but the loopback's")
    server = http.server.ThreadingHTTPServer((address, 0), api)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://{address}:{server.server_port}/x"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module", params=network.STACKS)
def stacked(
    request: pytest.FixtureRequest, make: Make, allowed: Isolation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Instances with each user-mode network stack."""
    from shutil import which

    if not allowed.stack or which(request.param) is None:
        pytest.skip(f"{request.param} cannot be used here: {allowed.reason}")
    chosen = Isolation("namespaces", request.param, "")
    with make(tmp_path_factory.mktemp(request.param), chosen) as made:
        yield made


def test_the_apis_answer_at_the_same_address_as_outside(networked: World) -> None:
    identity = networked.launch("true")
    url = f"http://127.0.0.1:{networked.api_port}/hello"
    assert networked.output(identity, f"curl -s {url}") == "api /hello"


def test_the_way_out_opens_and_closes(stacked: World, outside: str) -> None:
    identity = stacked.launch("true")
    fetch = f"curl -s -m 2 {outside}"
    assert stacked.run(identity, fetch)[0] != 0
    stacked.sandboxes.set_way_out(identity, open=True)
    assert stacked.output(identity, fetch) == "api /x"
    stacked.sandboxes.set_way_out(identity, open=False)
    assert stacked.run(identity, fetch)[0] != 0
    assert stacked.sandboxes._entries[identity].machine.spec.way_out is False  # for when it starts again
    stacked.sandboxes.set_way_out(identity, open=True)
    assert stacked.output(identity, fetch) == "api /x"


def test_user_data_finds_the_way_out_open(stacked: World, outside: str) -> None:
    identity = stacked.launch(f"curl -s -m 5 --retry 3 --retry-all-errors {outside}", way_out=True)
    assert "api /x" in stacked.console(identity)


def test_this_hosts_loopback_is_not_reached(stacked: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        identity = stacked.launch("true", way_out=True)
        for address in ("127.0.0.1", "100.127.255.2", "10.0.2.2", "169.254.2.2"):
            assert stacked.run(identity, f"curl -s -m 1 http://{address}:{port}/")[0] != 0
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


def test_pip_works_as_on_this_host(networked: World) -> None:
    # A package that no local folder of this host holds comes from the index, or from nowhere.
    identity = networked.launch("true", way_out=True)
    fetch = "python3 -m pip download -q --no-deps -d /tmp/wheels {} 'iniconfig==2.0.0'"
    status, _, errors = networked.run(identity, fetch.format("--retries 0 --timeout 15"))
    if status != 0 and ("NewConnectionError" in errors or "No matching distribution" in errors):
        pytest.skip(f"no package index from here: {errors.splitlines()[-1]}")
    assert status == 0, errors
    networked.output(identity, "rm -r /tmp/wheels")
    networked.sandboxes.set_way_out(identity, open=False)
    only_index = "--retries 0 --timeout 2 --isolated"
    assert networked.run(identity, fetch.format(only_index))[0] != 0


def test_without_a_stack_the_hosts_network_is_shared(
    allowed: Isolation, make: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if allowed.kind != "namespaces":
        pytest.skip(allowed.reason)
    with make(tmp_path_factory.mktemp("shared"), Isolation("namespaces", "", "a test asks for it")) as shared:
        identity = shared.launch("true")
        platform = json.loads(shared.output(identity, "cat /etc/ds-ec2/platform.json"))
        assert platform["bind_address"] == shared.sandboxes.bind_address(identity) != "127.0.0.1"
        token = f"{platform['metadata_endpoint']}/latest/api/token"
        header = "X-aws-ec2-metadata-token-ttl-seconds: 60"
        assert len(shared.output(identity, f"curl -s -X PUT -H '{header}' {token}")) > 20
        assert shared.output(identity, f"curl -s {platform['aws_endpoint']}/hello") == "api /hello"
        serve = f"python3 -m http.server 9200 --bind {platform['bind_address']} >/dev/null 2>&1 &"
        shared.output(identity, serve)
        shared.wait_until(lambda: dialled(shared.sandboxes.guest_socket(identity), 9200))
        with pytest.raises(OSError, match="refused"):  # not at this host's own address
            socket.create_connection(("127.0.0.1", 9200), timeout=1)


def dialled(path: Path, port: int) -> bool:
    """Whether something answers at the instance's loopback."""

    async def scenario() -> bool:
        try:
            _, writer = await guest_client.open_dial(path, "127.0.0.1", port)
        except guest_client.DialRefusedError:
            return False
        writer.close()
        return True

    return asyncio.run(scenario())
