"""One Session Manager session: started, opened, shaken hands with, terminated."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel.channel import Channel, ChannelClosedError, ChannelOptions
from ds_ec2.tunnel.codec import PayloadType, WireError
from ds_ec2.tunnel.documents import (
    HandshakeRequest,
    customer_message,
    handshake_request,
    handshake_response,
)
from ds_ec2.tunnel.link import LinkLostError, open_link
from ds_ec2.tunnel.start import DEFAULT_WAIT_S, SessionRequest, start_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ds_ec2.model.sessions import SessionSource
    from ds_ec2.tunnel.codec import Message

_HANDSHAKE_WITHIN_S: Final = 30.0
_TERMINATE_WITHIN_S: Final = 5.0


class Session:
    """An open session; a context manager that terminates it.

    Args:
        source: Where sessions come from.
        session_id: Its id.
        channel: Its messages.
        on_event: Gets sentences for the user.
    """

    def __init__(
        self,
        source: SessionSource,
        session_id: str,
        channel: Channel,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        self.session_id = session_id
        self.channel = channel
        self.on_event = on_event or (lambda _sentence: None)
        self._source = source

    async def answer_handshake(self, message: Message) -> HandshakeRequest:
        """Answer the agent's handshake request.

        Raises:
            DsEc2Error: The session must be encrypted with a KMS key, which this client cannot do, or the
                request cannot be read.
        """
        try:
            request = handshake_request(message)
        except WireError as error:
            raise _no_handshake(str(error)) from error
        await self.channel.send(PayloadType.HANDSHAKE_RESPONSE, handshake_response(request))
        if "KMSEncryption" in request.unsupported:
            raise DsEc2Error(
                "this account encrypts shells with a KMS key, which ds-ec2 cannot do yet",
                why="Session Manager's preferences name a KMS key",
                hint="ds-ec2 proxy and ds-ec2 lab are not affected",
            )
        return request

    def complete_handshake(self, message: Message) -> None:
        """Show what the account's administrator wants to be read."""
        with suppress(WireError):
            if text := customer_message(message).strip():
                self.on_event(text)

    async def shake_hands(self) -> HandshakeRequest:
        """Wait for the agent's handshake and finish it: the way every port session begins.

        Raises:
            DsEc2Error: The session ended instead, or nothing came.
        """
        try:
            async with asyncio.timeout(_HANDSHAKE_WITHIN_S):
                return await self._shake_hands()
        except (TimeoutError, LinkLostError, ChannelClosedError) as error:
            raise _no_handshake(str(error) or "the agent did not answer in time") from error

    async def _shake_hands(self) -> HandshakeRequest:
        request: HandshakeRequest | None = None
        while (message := await self.channel.receive()) is not None:
            if message.payload_type == PayloadType.HANDSHAKE_REQUEST:
                request = await self.answer_handshake(message)
            elif message.payload_type == PayloadType.HANDSHAKE_COMPLETE and request is not None:
                self.complete_handshake(message)
                return request
        raise _no_handshake(self.channel.reason or "the session ended")

    async def close(self) -> None:
        """Close the channel and terminate the session, as well as the network allows."""
        await self.channel.close()
        with suppress(TimeoutError, DsEc2Error):
            async with asyncio.timeout(_TERMINATE_WITHIN_S):
                await asyncio.to_thread(self._source.terminate, self.session_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


async def open_session(
    source: SessionSource,
    request: SessionRequest,
    wait_s: float = DEFAULT_WAIT_S,
    options: ChannelOptions | None = None,
    on_event: Callable[[str], None] | None = None,
) -> Session:
    """Start a session and open its data channel.

    Raises:
        DsEc2Error: It cannot be had.
    """
    grant = await start_session(source, request, wait_s, on_event)
    try:
        link = await open_link(source, grant)
    except BaseException:
        with suppress(DsEc2Error):
            await asyncio.to_thread(source.terminate, grant.session_id)
        raise
    return Session(source, grant.session_id, Channel(link, options), on_event)


def _no_handshake(why: str) -> DsEc2Error:
    return DsEc2Error("the machine's agent did not open the session", why=why)
