"""The websocket under a data channel: opened, signed and checked here, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel.documents import open_data_channel

if TYPE_CHECKING:
    from ds_ec2.model.sessions import SessionGrant, SessionSource

_OPEN_TIMEOUT_S: Final = 20.0
_CLOSE_TIMEOUT_S: Final = 2.0
_PING_EVERY_S: Final = 15.0
"""The plugin pings every 5 minutes; routers forget a silent connection sooner."""
_PONG_WITHIN_S: Final = 15.0
_MAX_FRAME: Final = 1 << 20

# A logger of our own that says nothing: at level DEBUG websockets logs headers and tokens.
_SILENT: Final = logging.getLogger("ds_ec2.tunnel.websocket")
_SILENT.setLevel(logging.CRITICAL)


class LinkLostError(Exception):
    """The websocket is gone; the session behind it may live on."""


class Link(Protocol):
    """What a channel needs of a websocket."""

    async def send(self, frame: bytes) -> None:
        """Send one binary frame, waiting while the socket is full.

        Raises:
            LinkLostError: The connection is gone.
        """
        ...

    async def receive(self) -> bytes:
        """Return the next binary frame.

        Raises:
            LinkLostError: The connection is gone.
        """
        ...

    async def close(self) -> None:
        """Close the connection; a second time does nothing."""
        ...


class WebsocketLink:
    """A `Link` over a websocket, kept alive by pings."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._frames = 0
        self._pings = asyncio.create_task(self._keep_alive())

    async def send(self, frame: bytes) -> None:
        """Send one binary frame."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as error:
            raise LinkLostError(_words(error)) from error

    async def receive(self) -> bytes:
        """Return the next binary frame; text frames are not for us."""
        try:
            while isinstance(frame := await self._socket.recv(), str):
                pass
        except ConnectionClosed as error:
            raise LinkLostError(_words(error)) from error
        self._frames += 1
        return frame

    async def close(self) -> None:
        """Stop the pings and close."""
        self._pings.cancel()
        await asyncio.gather(self._pings, return_exceptions=True)
        await self._socket.close()

    async def _keep_alive(self) -> None:
        """Ping; a side that answered pings before, and then sends neither a pong nor a frame, is gone.

        While the channel does not read (a full buffer), pongs are not seen: then no verdict is possible.
        """
        answered = False
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(_PING_EVERY_S)
                frames = self._frames
                pong = await self._socket.ping()
                try:
                    await asyncio.wait_for(asyncio.shield(pong), _PONG_WITHIN_S)
                    answered = True
                except TimeoutError:
                    if answered and frames == self._frames and not self._reading_paused:
                        self._socket.transport.abort()
                        return

    @property
    def _reading_paused(self) -> bool:
        transport = self._socket.transport
        return isinstance(transport, asyncio.ReadTransport) and not transport.is_reading()


class _Connect(connect):
    """A redirect would carry the token to a host that nobody checked."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_link(source: SessionSource, grant: SessionGrant) -> WebsocketLink:
    """Open the websocket of a session and present its token.

    Raises:
        DsEc2Error: The address is not AWS's own, or does not answer.
    """
    url = grant.stream_url
    host = urlsplit(url).hostname or ""
    if not source.trusts(url):
        raise DsEc2Error(
            f"the session's address is not an endpoint of AWS: {host!r}",
            why="a token would be sent to somebody else",
            hint="check AWS_ENDPOINT_URL and endpoint_url in ~/.aws/config",
        )
    headers = await asyncio.to_thread(source.sign, url)
    try:
        socket = await _Connect(
            url,
            # The connection writes its own Host, which is the one that was signed.
            additional_headers={name: value for name, value in headers.items() if name.lower() != "host"},
            compression=None,
            proxy=None if host in {"127.0.0.1", "localhost", "::1"} else True,
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            ping_interval=None,
            max_size=_MAX_FRAME,
            logger=_SILENT,
            ssl=_tls() if urlsplit(url).scheme == "wss" else None,
        )
        await socket.send(open_data_channel(grant.token))
    except (OSError, InvalidHandshake, ConnectionClosed) as error:
        raise DsEc2Error(
            "Session Manager's data channel cannot be opened",
            why=f"{host}: {error or type(error).__name__}",
            hint="check the network, and HTTPS_PROXY if there is a proxy",
        ) from error
    return WebsocketLink(socket)


def _tls() -> ssl.SSLContext:
    # The AWS CLI's own variable for the certificate of a company's proxy.
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)


def _words(error: ConnectionClosed) -> str:
    received = error.rcvd
    return (received.reason or f"closed with code {received.code}") if received else "the connection broke"
