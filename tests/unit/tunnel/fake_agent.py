"""The service and the agent of one machine in one: real websockets, real dials, and faults on demand.

It shares the codec with the client (the vectors hold that one) and nothing else: its numbers,
acknowledgements and resends are its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ds_ec2.errors import DsEc2Error, TargetNotConnectedError
from ds_ec2.model.sessions import SessionGrant
from ds_ec2.tunnel import codec, smux
from ds_ec2.tunnel.codec import Message, PayloadType

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence


@dataclass
class Faults:
    """Shares of frames, from 0 to 1, that meet with an accident; both directions."""

    drop: float = 0
    duplicate: float = 0
    reorder: float = 0
    lose_acks: float = 0
    seed: int = 1

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - accidents, not secrets
        self.held: dict[str, bytes] = {}

    def apply(self, direction: str, frame: bytes) -> list[bytes]:
        """Return what becomes of a frame."""
        if b"acknowledge" in frame[:36] and self.random.random() < self.lose_acks:
            return []
        if self.random.random() < self.drop:
            return []
        frames = [frame, frame] if self.random.random() < self.duplicate else [frame]
        if direction in self.held:
            frames.append(self.held.pop(direction))
        elif self.random.random() < self.reorder:
            self.held[direction] = frames.pop()
        return frames


@dataclass
class FakeSource:
    """A SessionSource whose sessions lead to a fake agent."""

    url: str
    failures: list[DsEc2Error] = field(default_factory=list)
    started: list[tuple[str, str | None, Mapping[str, Sequence[str]]]] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)

    def start(
        self, target: str, document: str | None, parameters: Mapping[str, Sequence[str]]
    ) -> SessionGrant:
        if self.failures:
            raise self.failures.pop(0)
        self.started.append((target, document, parameters))
        session = f"ana-{len(self.started):04d}"
        port = parameters.get("portNumber", ["0"])[0]
        kind = {None: "shell", "AWS-StartSSHSession": "ssh"}.get(
            document, "mux" if port != "0" else "command"
        )
        return SessionGrant(session, f"{self.url}/{session}/{kind}/{port}", f"secret-token-{session}")

    def resume(self, session_id: str) -> SessionGrant | None:
        raise NotImplementedError(session_id)

    def terminate(self, session_id: str) -> None:
        self.terminated.append(session_id)

    def sign(self, url: str) -> Mapping[str, str]:
        return {"Authorization": f"AWS4-HMAC-SHA256 {hashlib.sha256(url.encode()).hexdigest()}", "Host": "x"}

    def trusts(self, url: str) -> bool:
        return url.startswith(self.url)


def not_connected() -> TargetNotConnectedError:
    return TargetNotConnectedError("the machine's agent is not connected")


class Peer:
    """The agent's end of one data channel."""

    def __init__(self, agent: FakeAgent, socket: ServerConnection) -> None:
        self.agent = agent
        self.socket = socket
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.sizes: list[tuple[int, int]] = []
        self._expected = 0
        self._early: dict[int, Message] = {}
        self._next = 0
        self.unacknowledged: dict[int, bytes] = {}

    async def send(self, payload_type: int, payload: bytes) -> None:
        message = Message(codec.OUTPUT, self._next, payload_type, payload, flags=int(self._next == 0))
        self._next += 1
        frame = codec.encode(message)
        self.unacknowledged[message.sequence] = frame
        await self._put(frame)

    async def send_bytes(self, data: bytes) -> None:
        for start in range(0, len(data), 1024):
            await self.send(PayloadType.OUTPUT, data[start : start + 1024])

    async def end(self, output: str = "") -> None:
        for _ in range(200):  # the service waits for what the agent still has to deliver
            if not self.unacknowledged:
                break
            await asyncio.sleep(0.02)
        payload = json.dumps({"MessageType": "channel_closed", "Output": output}).encode()
        await self.socket.send(codec.encode(Message(codec.CHANNEL_CLOSED, 0, 0, payload)))

    async def resend(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            for frame in list(self.unacknowledged.values())[:20]:
                await self._put(frame)

    async def receive_all(self) -> None:
        async for frame in self.socket:
            assert isinstance(frame, bytes)
            for survivor in self.agent.faults.apply("up", frame):
                await self._take(survivor)

    async def _take(self, frame: bytes) -> None:
        message = codec.decode(frame)
        self.agent.largest_payload = max(self.agent.largest_payload, len(message.payload))
        if message.message_type == codec.ACKNOWLEDGE:
            number = json.loads(message.payload)["AcknowledgedMessageSequenceNumber"]
            self.unacknowledged.pop(number, None)
            return
        if message.sequence not in self._early and message.sequence >= self._expected:
            self._early[message.sequence] = message
        while self._expected in self._early:
            self.inbox.put_nowait(self._early.pop(self._expected))
            self._expected += 1
        if not self.agent.deaf:
            document = {
                "AcknowledgedMessageType": message.message_type,
                "AcknowledgedMessageId": str(message.message_id),
                "AcknowledgedMessageSequenceNumber": message.sequence,
                "IsSequentialMessage": True,
            }
            await self._put(
                codec.encode(Message(codec.ACKNOWLEDGE, 0, 0, json.dumps(document).encode(), flags=3))
            )

    async def _put(self, frame: bytes) -> None:
        for survivor in self.agent.faults.apply("down", frame):
            await self.socket.send(survivor)


class FakeAgent:
    """A websocket server in a thread; a context manager."""

    def __init__(self, shell: Callable[[Peer], Coroutine[Any, Any, None]] | None = None) -> None:
        self.faults = Faults()
        self.deaf = False
        """It acknowledges nothing."""
        self.agent_version = "3.3.1611.0"
        self.extra_actions: list[dict[str, Any]] = []
        self.largest_payload = 0
        self.openings: list[tuple[Mapping[str, str], dict[str, str]]] = []
        """Headers (lower case) and first text frame of each websocket."""
        self.peers: list[Peer] = []
        self._shell = shell
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the agent's loop."""
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def drop_connections(self) -> None:
        """Cut every websocket without a word."""

        async def cut() -> None:
            for peer in self.peers:
                peer.socket.transport.abort()

        self.call(cut())

    @property
    def source(self) -> FakeSource:
        return FakeSource(self.url)

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with serve(self._serve, "127.0.0.1", 0, compression=None, close_timeout=0.5) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()
            await self._stop.wait()

    async def _serve(self, socket: ServerConnection) -> None:
        peer = Peer(self, socket)
        tasks: list[asyncio.Task[None]] = []
        try:
            assert socket.request is not None
            _, _, kind, port = socket.request.path.split("/")
            self.openings.append((dict(socket.request.headers), json.loads(await socket.recv())))
            self.peers.append(peer)
            tasks = [asyncio.create_task(peer.resend()), asyncio.create_task(peer.receive_all())]
            tasks.append(asyncio.create_task(self._act(peer, kind, int(port))))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except ConnectionClosed:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _act(self, peer: Peer, kind: str, port: int) -> None:
        if kind == "mux":
            await self._handshake(peer, "Port", {"portNumber": str(port), "type": "LocalPortForwarding"})
            await MuxServer(peer, port).run()
        elif kind == "ssh":
            await self._handshake(peer, "Port", {"portNumber": str(port)})
            await _raw(peer, port)
        else:
            assert self._shell is not None
            if kind == "command":
                await self._handshake(peer, "NonInteractiveCommands", {})
            await self._shell(peer)
        await asyncio.sleep(0.5)

    async def _handshake(self, peer: Peer, kind: str, properties: dict[str, str]) -> None:
        action = {
            "ActionType": "SessionType",
            "ActionParameters": {"SessionType": kind, "Properties": properties},
        }
        request = {
            "AgentVersion": self.agent_version,
            "RequestedClientActions": [action, *self.extra_actions],
        }
        await peer.send(PayloadType.HANDSHAKE_REQUEST, json.dumps(request).encode())
        answer = await asyncio.wait_for(peer.inbox.get(), 15)
        assert answer.payload_type == PayloadType.HANDSHAKE_RESPONSE
        assert json.loads(answer.payload)["ProcessedClientActions"][0]["ActionStatus"] == 1
        complete = {"HandshakeTimeToComplete": 1, "CustomerMessage": ""}
        await peer.send(PayloadType.HANDSHAKE_COMPLETE, json.dumps(complete).encode())


class MuxServer:
    """smux as the agent serves it: one dial for each stream."""

    def __init__(self, peer: Peer, port: int) -> None:
        self._peer = peer
        self._port = port
        self._parser = smux.FrameParser()
        self._queues: dict[int, asyncio.Queue[bytes | None]] = {}
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while True:
                message = await self._peer.inbox.get()
                if message.payload_type == PayloadType.FLAG:
                    return
                for frame in self._parser.feed(message.payload):
                    self._take(frame)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, frame: smux.Frame) -> None:
        if frame.command == smux.OPEN:
            queue: asyncio.Queue[bytes | None] = asyncio.Queue()
            self._queues[frame.stream] = queue
            task = asyncio.create_task(self._dial(frame.stream, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif queue := self._queues.get(frame.stream):  # type: ignore[assignment] # None never is a value
            queue.put_nowait(frame.data if frame.command == smux.DATA else None)

    async def _dial(self, number: int, queue: asyncio.Queue[bytes | None]) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            await self._peer.send(PayloadType.FLAG, (3).to_bytes(4, "big"))
            await self._send(smux.Frame(smux.FINISH, number))
            return
        down = asyncio.create_task(self._down(number, reader))
        try:
            while not down.done() and (data := await _next(queue, down)):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            self._queues.pop(number, None)
            down.cancel()
            await asyncio.gather(down, return_exceptions=True)

    async def _down(self, number: int, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(16384):
            await self._send(smux.Frame(smux.DATA, number, data))
        await self._send(smux.Frame(smux.FINISH, number))

    async def _send(self, frame: smux.Frame) -> None:
        async with self._turn:
            await self._peer.send_bytes(smux.encode_frame(frame))


async def _next(queue: asyncio.Queue[bytes | None], down: asyncio.Task[None]) -> bytes | None:
    get = asyncio.create_task(queue.get())
    await asyncio.wait({get, down}, return_when=asyncio.FIRST_COMPLETED)
    if get.done():
        return get.result()
    get.cancel()
    return None


async def _raw(peer: Peer, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def down() -> None:
        while data := await reader.read(16384):
            await peer.send_bytes(data)
        await peer.end()

    task = asyncio.create_task(down())
    try:
        while True:
            get = asyncio.create_task(peer.inbox.get())
            await asyncio.wait({get, task}, return_when=asyncio.FIRST_COMPLETED)
            if not get.done():
                get.cancel()
                return
            if get.result().payload_type == PayloadType.FLAG:
                return
            writer.write(get.result().payload)
            await writer.drain()
    finally:
        writer.transport.abort()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
