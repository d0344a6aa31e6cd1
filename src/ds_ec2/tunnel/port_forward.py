"""A port of the machine on this computer."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from ds_ec2.tunnel.channel import DEFAULT_PACE, ChannelOptions
from ds_ec2.tunnel.forwarder import Forwarder
from ds_ec2.tunnel.loop_thread import LoopThread
from ds_ec2.tunnel.road import Road, RoadOptions
from ds_ec2.tunnel.start import DEFAULT_WAIT_S
from ds_ec2.tunnel.watch import watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ds_ec2.model.sessions import SessionSource

_LOOK_UP_S: Final = 0.5


@dataclass(slots=True, eq=False)
class PortForward:
    """A port of the machine on 127.0.0.1, as long as the context lasts.

    One session carries all connections. When it dies, its connections are reset and the next one opens a new
    session; the local port stays.

    Args:
        source: Where sessions come from.
        target: An instance id.
        remote_port: The machine's port.
        local_port: The port here; 0 picks a free one, and the attribute then tells which.
        pace: Messages of 1,024 bytes a second upwards; 0 for no limit.
        wait_s: Seconds to wait for an agent that is not connected.
        on_event: Gets sentences for the user, from another thread.
        gone: Asked now and then, in another thread: why the other end is gone for good, or empty. While
            nobody uses the port, nothing else would tell.
    """

    source: SessionSource = field(repr=False)
    target: str
    remote_port: int
    local_port: int = 0
    pace: float = field(default=DEFAULT_PACE, kw_only=True)
    wait_s: float = field(default=DEFAULT_WAIT_S, kw_only=True)
    on_event: Callable[[str], None] | None = field(default=None, kw_only=True, repr=False)
    gone: Callable[[], str] | None = field(default=None, kw_only=True, repr=False)
    _thread: LoopThread | None = field(default=None, init=False, repr=False)
    _road: Road | None = field(default=None, init=False, repr=False)
    _forwarder: Forwarder | None = field(default=None, init=False, repr=False)
    _watch: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    @property
    def failed(self) -> str:
        """Why the tunnel broke for good, or empty."""
        return self._road.failed if self._road else ""

    def wait(self) -> None:
        """Return when the tunnel broke for good, or was closed."""
        while not self._ended.wait(_LOOK_UP_S):
            pass

    def __enter__(self) -> Self:
        """Listen, and open the first session.

        Raises:
            DsEc2Error: The port is in use, or no session can be had.
        """
        self._ended.clear()
        self._thread = LoopThread(f"port {self.remote_port} of {self.target}")
        try:
            self._thread.call(self._open())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the port and terminate the session; a second time does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            thread.call(self._close())
        finally:
            thread.stop()
            self._ended.set()

    async def _open(self) -> None:
        channel = ChannelOptions(pace=self.pace)
        options = RoadOptions(self.wait_s, channel, on_event=self.on_event or (lambda _sentence: None))
        self._road = Road(self.source, self.target, self.remote_port, options)
        self._road.on_failed = self._ended.set
        self._forwarder = Forwarder(self._road)
        self.local_port = await self._forwarder.listen(self.local_port)
        await self._road.mux()
        if self.gone is not None:
            self._watch = asyncio.create_task(watch(self._road, self.gone))

    async def _close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._forwarder is not None:
            await self._forwarder.close()
        if self._road is not None:
            await self._road.close()
