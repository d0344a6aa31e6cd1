"""A client that behaves as the official plugin does, with ways to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ds_ec2_local.session_manager import smux, wire

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = "1.2.764.0"
ACCESS_KEY = os.environ.get("PLUGIN_CLIENT_ACCESS_KEY", "AKIAEXAMPLE")
SECRET = os.environ.get("PLUGIN_CLIENT_SECRET", "secret")
RESEND_S = 0.1


def signed_headers(url: str, secret: str = SECRET, service: str = "ssmmessages") -> dict[str, str]:
    request = AWSRequest("GET", url.replace("ws://", "http://"))
    SigV4Auth(Credentials(ACCESS_KEY, secret), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


class PluginClient:
    """One session of the client; `attach` again to resume it."""

    def __init__(self, version: str = VERSION) -> None:
        self.version = version
        self.received: asyncio.Queue[wire.Message] = asyncio.Queue()
        self.closed: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.unacknowledged: dict[int, bytes] = {}
        self.acknowledgements: list[int] = []
        self.frames: list[wire.Message] = []
        self.ignore: Callable[[wire.Message], bool] = lambda _message: False
        """True for messages that the network loses on their way here."""
        self.lose_acknowledgement: Callable[[wire.Message], bool] = lambda _message: False
        """True for messages whose acknowledgement the network loses on its way there."""
        self.resends = 0
        self._expected = 0
        self._early: dict[int, wire.Message] = {}
        self._next = 0
        self._connection: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def attach(self, session: dict[str, str], *, signed: bool = True) -> None:
        url = session["StreamUrl"]
        headers = signed_headers(url) if signed else {}
        self._connection = await connect(
            url, additional_headers=headers, compression=None, max_size=None, proxy=None
        )
        opening = {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": session["TokenValue"],
            "ClientId": str(uuid.uuid4()),
            "ClientVersion": self.version,
        }
        await self._connection.send(json.dumps(opening))
        self._tasks = [
            asyncio.create_task(self._read(self._connection)),
            asyncio.create_task(self._resend(self._connection)),
        ]

    async def detach(self) -> None:
        assert self._connection is not None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close()

    async def lost(self, timeout_s: float = 5) -> None:
        """Wait until the websocket broke."""
        assert self._connection is not None
        await asyncio.wait_for(self._connection.wait_closed(), timeout_s)

    @property
    def close_code(self) -> int | None:
        assert self._connection is not None
        return self._connection.close_code

    async def raw(self, data: bytes) -> None:
        assert self._connection is not None
        await self._connection.send(data)

    def number(self, payload: bytes, payload_type: int = wire.PayloadType.OUTPUT) -> bytes:
        """Make the next message and keep it until it is acknowledged."""
        message = wire.make(wire.MessageType.INPUT, payload, payload_type=payload_type, sequence=self._next)
        self._next += 1
        data = wire.encode(message)
        self.unacknowledged[message.sequence] = data
        return data

    async def send(self, payload: bytes, payload_type: int = wire.PayloadType.OUTPUT) -> None:
        data = self.number(payload, payload_type)
        with contextlib.suppress(ConnectionClosed):  # sent again by the next connection
            await self.raw(data)

    async def send_json(self, document: Any, payload_type: int) -> None:
        await self.send(json.dumps(document).encode(), payload_type)

    async def send_flag(self, flag: wire.Flag) -> None:
        await self.send(int(flag).to_bytes(4, "big"), wire.PayloadType.FLAG)

    async def next(self, timeout_s: float = 5) -> wire.Message:
        return await asyncio.wait_for(self.received.get(), timeout_s)

    async def goodbye(self, timeout_s: float = 5) -> dict[str, Any]:
        return await asyncio.wait_for(asyncio.shield(self.closed), timeout_s)

    async def output(self, until: bytes, payload_type: int = wire.PayloadType.OUTPUT) -> bytes:
        """Collect output until it ends with `until`."""
        data = b""
        while not data.endswith(until):
            message = await self.next()
            assert message.payload_type == payload_type
            data += message.payload
        return data

    async def exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += (await self.next()).payload
        return bytes(data)

    async def shake_hands(self, status: int = 1) -> dict[str, Any]:
        """Answer the handshake; return what the agent asked for."""
        message = await self.next()
        assert (message.payload_type, message.sequence, message.flags) == (5, 0, 1)
        request: dict[str, Any] = json.loads(message.payload)
        actions = [
            {"ActionType": action["ActionType"], "ActionStatus": status, "ActionResult": None, "Error": "no"}
            for action in request["RequestedClientActions"]
        ]
        response = {"ClientVersion": self.version, "ProcessedClientActions": actions, "Errors": None}
        await self.send_json(response, wire.PayloadType.HANDSHAKE_RESPONSE)
        if status == 1:
            assert (await self.next()).payload_type == wire.PayloadType.HANDSHAKE_COMPLETE
        return request

    async def _read(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for data in connection:
                assert isinstance(data, bytes)
                message = wire.decode(data)
                if message.message_type == wire.MessageType.ACKNOWLEDGE:
                    number = wire.acknowledged_sequence(message)
                    self.acknowledgements.append(number)
                    self.unacknowledged.pop(number, None)
                elif message.message_type == wire.MessageType.CHANNEL_CLOSED:
                    self.closed.set_result(json.loads(message.payload))
                elif not self.ignore(message):
                    # The other side may have closed already; what it sent before is still to be read.
                    with contextlib.suppress(ConnectionClosed):
                        await self._on_output(message, connection)

    async def _on_output(self, message: wire.Message, connection: ClientConnection) -> None:
        self.frames.append(message)
        if (
            message.sequence < self._expected
        ):  # the plugin stays silent: so the acknowledgement must not be lost
            await connection.send(wire.encode(wire.acknowledge(message)))
            return
        if not self.lose_acknowledgement(message):
            await connection.send(wire.encode(wire.acknowledge(message)))
        self._early[message.sequence] = message
        while self._expected in self._early:
            self.received.put_nowait(self._early.pop(self._expected))
            self._expected += 1

    async def _resend(self, connection: ClientConnection) -> None:
        """Send the oldest message again when it is not acknowledged."""
        seen: tuple[int, float] | None = None
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(RESEND_S)
                oldest = next(iter(self.unacknowledged.items()), None)
                if oldest is None or seen is None or seen[0] != oldest[0]:
                    seen = (oldest[0], time.monotonic()) if oldest else None
                elif time.monotonic() - seen[1] > 2 * RESEND_S:
                    self.resends += 1
                    await connection.send(oldest[1])
                    seen = (oldest[0], time.monotonic())


class MuxClient:
    """Streams of smux over a client's session."""

    def __init__(self, client: PluginClient) -> None:
        self.client = client
        self.data: dict[int, bytearray] = {}
        self.finished: dict[int, asyncio.Event] = {}
        self.refused = 0
        self._lock = asyncio.Lock()
        self._next = 3
        self._task = asyncio.create_task(self._read())

    async def open(self) -> int:
        number = self._next
        self._next += 2
        self.data[number] = bytearray()
        self.finished[number] = asyncio.Event()
        await self.send(smux.Frame(smux.Command.SYN, number))
        return number

    async def write(self, number: int, data: bytes) -> None:
        for start in range(0, len(data), smux.MAX_FRAME):
            await self.send(smux.Frame(smux.Command.PSH, number, data[start : start + smux.MAX_FRAME]))

    async def finish(self, number: int) -> None:
        await self.send(smux.Frame(smux.Command.FIN, number))

    async def send(self, frame: smux.Frame) -> None:
        data = smux.encode(frame)
        async with self._lock:
            for start in range(0, len(data), 1024):
                await self.client.send(data[start : start + 1024])

    async def end(self, number: int, timeout_s: float = 10) -> bytes:
        """Return all that a stream received, once the agent ended it."""
        await asyncio.wait_for(self.finished[number].wait(), timeout_s)
        return bytes(self.data[number])

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        parser = smux.FrameParser()
        while True:
            message = await self.client.received.get()
            if message.payload_type == wire.PayloadType.FLAG:
                assert message.payload == b"\0\0\0\3"
                self.refused += 1
                continue
            for frame in parser.feed(message.payload):
                if frame.command == smux.Command.PSH:
                    self.data[frame.stream] += frame.payload
                elif frame.command == smux.Command.FIN:
                    self.finished[frame.stream].set()
