"""A gateway with an instance behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.session_manager.fake_guest import FakeGuest
from tests.local.session_manager.plugin_client import ACCESS_KEY, SECRET, VERSION, MuxClient, PluginClient

from ds_ec2_local.session_manager.gateway import Gateway
from ds_ec2_local.session_manager.registry import SessionRegistry
from ds_ec2_local.session_manager.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

INSTANCE = "i-0123456789abcdef0"
FORWARDING = "AWS-StartPortForwardingSession"


async def until(holds: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait until something holds that nobody announces."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - the other side is another thread, or another program
            await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Ana:
    name: str = "ana"
    arn: str = "arn:aws:iam::123456789012:user/ana"


@dataclass
class Cloud:
    """What a test of the gateway has."""

    registry: SessionRegistry
    gateway: Gateway
    guest: FakeGuest
    clients: list[PluginClient] = field(default_factory=list)
    stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    def open(self, document: str | None = None, **parameters: object) -> dict[str, str]:
        given = {name: [str(value)] for name, value in parameters.items()}
        return self.registry.open(INSTANCE, document, given, Ana())

    async def client(
        self, document: str | None = None, *, version: str = VERSION, **parameters: object
    ) -> tuple[PluginClient, str]:
        """Return a client attached to a new session, and the session's id."""
        session = self.open(document, **parameters)
        client = PluginClient(version)
        self.clients.append(client)
        await client.attach(session)
        return client, session["SessionId"]

    async def mux(self, port: int) -> tuple[MuxClient, str]:
        client, session_id = await self.client(FORWARDING, portNumber=port)
        await client.shake_hands()
        mux = MuxClient(client)
        self.stack.push_async_callback(mux.close)
        return mux, session_id

    async def resume(self, client: PluginClient, session_id: str) -> None:
        await client.detach()
        await client.attach(self.registry.resume(session_id))
        await self.until(session_id, "Connected")

    async def serve(
        self, answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> int:
        """Serve TCP in the instance; return the port."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with contextlib.suppress(ConnectionError):
                    await answer(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # or megabytes hide there
        listening.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(accept, sock=listening)
        self.stack.callback(server.close)
        return int(server.sockets[0].getsockname()[1])

    def status(self, session_id: str) -> str:
        for state in ("Active", "History"):
            for row in self.registry.describe(state)["Sessions"]:
                if row["SessionId"] == session_id:
                    return str(row["Status"])
        raise LookupError(session_id)

    async def until(self, session_id: str, status: str) -> None:
        await until(lambda: self.status(session_id) == status)


@pytest.fixture
def cloud(tmp_path: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[Cloud]]:
    @contextlib.asynccontextmanager
    async def make(**settings: Any) -> AsyncIterator[Cloud]:
        guest = FakeGuest(tmp_path / "guest.sock")
        await guest.start()
        registry = SessionRegistry(lambda _target: True, lambda _target: guest.path)
        gateway = Gateway(registry, GatewaySettings(**settings), secret_of={ACCESS_KEY: SECRET}.__getitem__)
        gateway.start()
        it = Cloud(registry, gateway, guest)
        try:
            yield it
        finally:
            for client in it.clients:
                await client.detach()
            await it.stack.aclose()
            await asyncio.to_thread(gateway.close)
            await guest.stop()

    return make
