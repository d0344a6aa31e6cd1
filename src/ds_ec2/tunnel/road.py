"""A port session that is opened when it is needed and opened again after it died."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error, NotFoundError, TargetNotConnectedError
from ds_ec2.model.names import DOCUMENT_PORT
from ds_ec2.tunnel.channel import ChannelOptions
from ds_ec2.tunnel.mux import DEFAULT_BUDGET, Mux, MuxStream, StreamLostError
from ds_ec2.tunnel.session import open_session
from ds_ec2.tunnel.start import DEFAULT_WAIT_S, SessionRequest, backoff_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.model.sessions import SessionSource
    from ds_ec2.tunnel.documents import HandshakeRequest

_LAST_WITHOUT_MUX: Final = (3, 0, 196, 0)
"""Source: session-manager-plugin, src/version (agents after it multiplex port sessions)."""
_SHORT_LIFE_S: Final = 10.0
"""A session that died sooner counts as a failure: the next one is opened after a pause."""


@dataclass(frozen=True, slots=True)
class RoadOptions:
    """How a road behaves.

    Args:
        wait_s: Seconds to wait for an agent that is not connected.
        channel: Pace and window.
        budget: Bytes held for readers that are slow.
        on_event: Gets sentences for the user; called in the tunnel's thread.
    """

    wait_s: float = DEFAULT_WAIT_S
    channel: ChannelOptions = field(default_factory=ChannelOptions)
    budget: int = DEFAULT_BUDGET
    on_event: Callable[[str], None] = lambda _sentence: None


class Road:
    """The way to one port of a machine."""

    def __init__(
        self, source: SessionSource, target: str, remote_port: int, options: RoadOptions | None = None
    ) -> None:
        self.failed = ""
        """Why it broke for good: the machine is gone, or its agent stays away."""
        self.on_failed: Callable[[], None] = lambda: None
        self.options = options or RoadOptions()
        self._source = source
        self._request = SessionRequest(
            target, DOCUMENT_PORT, {"portNumber": [str(remote_port)], "localPortNumber": ["0"]}
        )
        self._mux: Mux | None = None
        self._opening: asyncio.Task[Mux] | None = None
        self._opened_at = 0.0
        self._failures = 0

    async def open_stream(self) -> MuxStream:
        """Open a connection to the port, on a new session where the old one died.

        Raises:
            DsEc2Error: No session can be had.
        """
        mux = await self.mux()
        try:
            return await mux.open()
        except StreamLostError:
            mux = await self.mux()
        try:
            return await mux.open()
        except StreamLostError as error:
            raise DsEc2Error("the session to the machine broke", why=str(error)) from error

    async def mux(self) -> Mux:
        """Return the live session; all who ask at once wait for the same one."""
        if self.failed:
            raise DsEc2Error("the tunnel broke", why=self.failed)
        if self._mux is not None and self._mux.alive:
            return self._mux
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    @property
    def connected(self) -> bool:
        """Whether there is a live session."""
        return self._mux is not None and self._mux.alive

    def fail(self, why: str) -> None:
        """Break for good: no further session is opened."""
        if not self.failed:
            self.failed = why
            self.on_failed()

    async def close(self) -> None:
        """Terminate the session."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._mux is not None:
            await self._mux.close()

    async def _open(self) -> Mux:
        if self._mux is not None:
            self.options.on_event(f"the session ended ({self._mux.reason}); opening a new one")
            await self._mux.close()
            self._mux = None
            if time.monotonic() - self._opened_at < _SHORT_LIFE_S:
                self._failures += 1
        if self._failures:
            await asyncio.sleep(backoff_s(self._failures - 1, random.random()))  # noqa: S311 - no secret
        try:
            mux = await self._open_mux()
        except (NotFoundError, TargetNotConnectedError) as error:
            self.fail(error.why or error.what)
            raise
        except DsEc2Error as error:
            self._failures += 1
            self.options.on_event(f"{error.what}{f': {error.why}' if error.why else ''}")
            raise
        self._mux, self._opened_at = mux, time.monotonic()
        return mux

    async def _open_mux(self) -> Mux:
        options = self.options
        session = await open_session(
            self._source, self._request, options.wait_s, options.channel, options.on_event
        )
        try:
            _check_multiplexed(await session.shake_hands())
        except BaseException:
            await session.close()
            raise
        return Mux(session, options.budget)

    def _opened(self, task: asyncio.Task[Mux]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # seen: those who waited have got it


def _check_multiplexed(handshake: HandshakeRequest) -> None:
    if not handshake.multiplexed or _version(handshake.agent_version) <= _LAST_WITHOUT_MUX:
        raise DsEc2Error(
            "the machine's agent cannot carry several connections in one session",
            why=f"SSM agent {handshake.agent_version}; 3.0.197 or later is needed",
            hint="update the agent on the machine: sudo dnf update amazon-ssm-agent",
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in text.split("."))
