"""Short conversations with the machine's control program: one request line, then lines until its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.names import CONTROL_PORT
from ds_ec2.tunnel.loop_thread import LoopThread
from ds_ec2.tunnel.mux import StreamLostError
from ds_ec2.tunnel.road import Road, RoadOptions
from ds_ec2.tunnel.start import DEFAULT_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ds_ec2.model.sessions import SessionSource
    from ds_ec2.tunnel.mux import MuxStream

DEFAULT_TIMEOUT_S: Final = 30.0


class ControlRoad:
    """Holds one port session open for repeated questions: StartSession alone takes half a second on AWS.

    Args:
        source: Where sessions come from.
        target: An instance id.
        port: The machine's port.
        wait_s: Seconds to wait for an agent that is not connected.
    """

    def __init__(
        self,
        source: SessionSource,
        target: str,
        *,
        port: int = CONTROL_PORT,
        wait_s: float = DEFAULT_WAIT_S,
    ) -> None:
        self._target = target
        self._road = Road(source, target, port, RoadOptions(wait_s))
        self._thread: LoopThread | None = None

    def ask(self, request: bytes, timeout_s: float = DEFAULT_TIMEOUT_S) -> Iterator[bytes]:
        """Send one request line and yield the lines of the answer, without their line feeds.

        Where nothing listens on the machine's port, no line comes.

        Args:
            request: The line; its line feed is added where it is missing.
            timeout_s: The longest silence, in seconds.

        Raises:
            DsEc2Error: The session broke, or the machine stayed silent.
        """
        if self._thread is None:
            raise RuntimeError("a ControlRoad is a context manager")
        thread = self._thread
        stream = thread.call(self._begin(request))
        try:
            rest = b""
            while data := thread.call(self._read(stream, timeout_s)):
                *lines, rest = (rest + data).split(b"\n")
                yield from lines
            if rest:
                yield rest
        finally:
            thread.call(stream.close())

    def __enter__(self) -> Self:
        """Begin; the session is opened by the first question."""
        self._thread = LoopThread(f"control road to {self._target}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Terminate the session."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.call(self._road.close())
            finally:
                thread.stop()

    async def _begin(self, request: bytes) -> MuxStream:
        stream = await self._road.open_stream()
        try:
            await stream.write(request.removesuffix(b"\n") + b"\n")
        except StreamLostError as error:
            raise self._broken(str(error)) from error
        return stream

    async def _read(self, stream: MuxStream, timeout_s: float) -> bytes:
        try:
            return await asyncio.wait_for(stream.read(), timeout_s)
        except TimeoutError as error:
            raise self._broken(f"no answer within {timeout_s:.0f} s") from error
        except StreamLostError as error:
            raise self._broken(str(error)) from error

    def _broken(self, why: str) -> DsEc2Error:
        return DsEc2Error(f"{self._target} broke off its answer", why=why)


def ask(
    source: SessionSource,
    target: str,
    port: int,
    request: bytes,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Iterator[bytes]:
    """Hold one short conversation in a session of its own; see `ControlRoad.ask`."""
    with ControlRoad(source, target, port=port) as road:
        yield from road.ask(request, timeout_s)
