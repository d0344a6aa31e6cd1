from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.local.session_manager.conftest import until
from tests.local.session_manager.plugin_client import PluginClient, signed_headers
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

if TYPE_CHECKING:
    from tests.local.session_manager.conftest import Cloud


def test_an_upgrade_without_signature_is_refused(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            with pytest.raises(InvalidStatus) as refused:
                await PluginClient().attach(aws.open(), signed=False)
            assert refused.value.response.status_code == 403
            client, _ = await aws.client()
            await client.send(b"exit\n")
            await client.goodbye()

    asyncio.run(scenario())


def test_old_plugins_are_admitted_when_no_signature_is_asked_for(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud(require_signature=False) as aws:
            client = PluginClient("1.2.707.0")
            aws.clients.append(client)
            session = aws.open()
            await client.attach(session, signed=False)
            await client.send(b"echo $((6 * 7))\n")
            assert await client.output(b"42\n") == b"42\n"
            assert aws.gateway.client_versions == {session["SessionId"]: "1.2.707.0"}

    asyncio.run(scenario())


def test_another_path_is_not_found(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            url = f"ws://{urlsplit(aws.open()['StreamUrl']).netloc}/v1/control-channel/i-1"
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=signed_headers(url), proxy=None)
            assert refused.value.response.status_code == 404

    asyncio.run(scenario())


@pytest.mark.parametrize("first", [b"\0", "no JSON", "[]", "{}", '{"TokenValue": "wrong"}'])
def test_a_wrong_first_frame_is_refused(cloud: Any, first: str | bytes) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            url = aws.open()["StreamUrl"]
            async with connect(url, additional_headers=signed_headers(url), proxy=None) as connection:
                await connection.send(first)
                with pytest.raises(ConnectionClosedError) as closed:
                    await connection.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1008

    asyncio.run(scenario())


def test_a_used_token_is_refused(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            session = aws.open()
            clients = [PluginClient(), PluginClient()]
            aws.clients += clients
            await clients[0].attach(session)
            await clients[0].send(b"echo up\n")
            assert await clients[0].output(b"up\n") == b"up\n"
            await clients[1].attach(session)
            await clients[1].lost()
            assert clients[1].close_code == 1008
            await clients[0].send(b"echo still\n")
            assert await clients[0].output(b"still\n") == b"still\n"

    asyncio.run(scenario())


def test_a_ping_is_answered(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud() as aws:
            session = aws.open()
            url = session["StreamUrl"]
            async with connect(url, additional_headers=signed_headers(url), proxy=None) as connection:
                await connection.send(json.dumps({"TokenValue": session["TokenValue"]}))
                pong = await connection.ping(b"keepalive")
                assert await asyncio.wait_for(pong, 5) >= 0

    asyncio.run(scenario())


def test_the_agent_may_come_late(cloud: Any) -> None:
    async def scenario() -> None:
        async with cloud(agent_delay_s=0.7) as aws:
            client, _ = await aws.client("AWS-StartPortForwardingSession", portNumber=80)
            await client.send(b"too early")
            await asyncio.sleep(0.3)
            assert client.received.empty()
            assert client.acknowledgements == []
            assert (await client.next()).payload_type == 5
            await until(lambda: not client.unacknowledged)

    asyncio.run(scenario())


def test_a_taken_port_is_told(cloud: Any) -> None:
    from ds_ec2_local.session_manager.gateway import Gateway

    async def scenario() -> None:
        async with cloud() as aws:
            port = urlsplit(aws.open()["StreamUrl"]).port
            with pytest.raises(OSError, match="in use"):
                Gateway(aws.registry).start(port)

    asyncio.run(scenario())


def test_the_drop_fault_cuts_clients_off(cloud: Any) -> None:
    from ds_ec2_local.session_manager.gateway import Gateway

    async def scenario(aws: Cloud) -> None:
        faults = ["once"]
        gateway = Gateway(
            aws.registry, secret_of=lambda _key: None, drops=lambda: bool(faults and faults.pop())
        )
        gateway.start()
        try:
            client, session_id = await aws.client()
            await client.lost()
            await aws.until(session_id, "Disconnected")
            await aws.resume(client, session_id)
            await client.send(b"echo back\n")
            assert await client.output(b"back\n") == b"back\n"
        finally:
            await asyncio.to_thread(gateway.close)

    async def whole() -> None:
        async with cloud() as aws:
            await scenario(aws)

    asyncio.run(whole())
