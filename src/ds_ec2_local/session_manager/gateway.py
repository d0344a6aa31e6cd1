"""The service's websocket side: it admits clients to their sessions.

It runs in a thread of its own, with its own event loop; its public methods are called from any thread.
"""

import asyncio
import http
import json
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from ds_ec2_local.session_manager import signature
from ds_ec2_local.session_manager.live import LiveSession
from ds_ec2_local.session_manager.loop_thread import LoopThread
from ds_ec2_local.session_manager.registry import SessionRegistry
from ds_ec2_local.session_manager.settings import GatewaySettings

HOST = "127.0.0.1"
PATH = "/v1/data-channel/"
OPEN_TIMEOUT_S = 10.0
"""How long a client may take to send its token."""
PING_INTERVAL_S = 54.0
PING_TIMEOUT_S = 60.0
"""Source: both are the agent's (agent/session/communicator)."""
LARGEST_MESSAGE = 1 << 20
FAULT_INTERVAL_S = 0.2

logger = logging.getLogger(__name__)


def _any_key(_access_key: str) -> None:
    """Know every key, and no secret."""


class Gateway:
    """The websocket server of all sessions.

    Args:
        registry: Knows the sessions and their tokens.
        settings: How they are served.
        secret_of: From an access key to its secret; None skips the check, LookupError refuses the key.
        drops: A fault: asked several times a second while clients are connected; true cuts them off.
    """

    def __init__(
        self,
        registry: SessionRegistry,
        settings: GatewaySettings | None = None,
        *,
        secret_of: signature.SecretOf = _any_key,
        drops: Callable[[], bool] = lambda: False,
    ) -> None:
        self._registry = registry
        self._settings = settings or GatewaySettings()
        self._secret_of = secret_of
        self._drops = drops
        self._thread = LoopThread("session-gateway")
        self._live: dict[str, LiveSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: Server | None = None
        self.client_versions: dict[str, str] = {}
        """What the last client of each running session said it is, by session id."""

    def start(self, port: int = 0) -> int:
        """Listen on loopback; return the port (0 asks for a free one).

        Raises:
            OSError: The port is taken.
        """
        self._thread.start()
        try:
            bound = self._thread.call(self._listen(port))
        except OSError:
            self._thread.stop()
            raise
        self._registry.stream_base = f"ws://{HOST}:{bound}"
        self._registry.on_end = self._end
        return bound

    def close(self) -> None:
        """End all sessions and stop listening."""
        self._thread.call(self._shut())
        self._thread.stop()

    def drop(self, session_id: str) -> bool:
        """Cut a session's websocket without a goodbye; return whether there was one."""
        return self._thread.call(self._cut(session_id))

    def drop_all(self) -> int:
        """Cut every websocket without a goodbye; return how many."""
        return self._thread.call(self._cut_all())

    async def _listen(self, port: int) -> int:
        self._server = await serve(
            self._serve,
            HOST,
            port,
            process_request=self._admit,
            compression=None,
            max_size=LARGEST_MESSAGE,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            close_timeout=1,
        )
        self._start(self._watch_faults())
        return int(next(iter(self._server.sockets)).getsockname()[1])

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse an upgrade that goes nowhere or is not signed."""
        if not urlsplit(request.path).path.startswith(PATH):
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no such channel\n")
        if not self._settings.require_signature or "X-Amz-Signature=" in request.path:
            return None
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        try:
            signature.verify(signature.Upgrade(request.path, headers), self._secret_of, time.time())
        except signature.SignatureError as error:
            logger.info("an upgrade was refused: %s", error)
            return connection.respond(http.HTTPStatus.FORBIDDEN, f"{error}\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        session_id = unquote(
            urlsplit(connection.request.path if connection.request else "").path[len(PATH) :]
        )
        live = await self._open(connection, session_id)
        if live is None:
            await connection.close(CloseCode.POLICY_VIOLATION, "the token is not valid")
            return
        self._registry.mark(session_id, "Connected")
        await live.channel.serve(connection)
        if not live.channel.attached:
            self._registry.mark(session_id, "Disconnected")

    async def _open(self, connection: ServerConnection, session_id: str) -> LiveSession | None:
        """Read the client's first frame; return its session, or None when its token is no good."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                opening = json.loads(await connection.recv(decode=True))
            token, version = str(opening["TokenValue"]), str(opening.get("ClientVersion", ""))
        except (TimeoutError, ConnectionClosed, ValueError, TypeError, KeyError, AttributeError):
            return None
        session = self._registry.redeem(session_id, token)
        if session is None:
            return None
        self.client_versions[session_id] = version
        live = self._live.get(session_id)
        if live is None:
            live = self._live[session_id] = LiveSession(session, self._registry, self._settings)
            self._start(self._run(live))
        return live

    async def _run(self, live: LiveSession) -> None:
        session_id = live.session.session_id
        try:
            await live.run()
        finally:
            live.channel.cut()
            del self._live[session_id]
            del self.client_versions[session_id]
            self._registry.mark(session_id, "Failed")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._thread.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a session broke", exc_info=task.exception())

    def _end(self, session_id: str, output: str) -> None:
        """End a session that the API ended; called from any thread."""
        self._thread.soon(self._end_here, session_id, output)

    def _end_here(self, session_id: str, output: str) -> None:
        live = self._live.get(session_id)
        if live is not None:
            live.end(output)

    async def _watch_faults(self) -> None:
        while True:
            await asyncio.sleep(FAULT_INTERVAL_S)
            if any(live.channel.attached for live in self._live.values()) and self._drops():
                await self._cut_all()

    async def _cut(self, session_id: str) -> bool:
        live = self._live.get(session_id)
        if live is None or not live.channel.attached:
            return False
        live.channel.cut()
        return True

    async def _cut_all(self) -> int:
        return sum([await self._cut(session_id) for session_id in list(self._live)])

    async def _shut(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
