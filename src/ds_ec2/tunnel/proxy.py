"""Standard input and output as one connection to the machine: OpenSSH's ProxyCommand."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.names import DOCUMENT_SSH, SSH_PORT
from ds_ec2.tunnel.channel import ChannelClosedError
from ds_ec2.tunnel.codec import Flag, PayloadType
from ds_ec2.tunnel.link import LinkLostError
from ds_ec2.tunnel.session import open_session
from ds_ec2.tunnel.start import DEFAULT_WAIT_S, SessionRequest
from ds_ec2.tunnel.stdio import InputReader, OutputWriter

if TYPE_CHECKING:
    from ds_ec2.model.sessions import SessionSource
    from ds_ec2.tunnel.channel import Channel

_INPUT, _OUTPUT = 0, 1
_QUIET_S: Final = 2.0
"""After the end of input: how long the machine must be silent before the session is ended."""
_FLUSH_S: Final = 30.0


def run_proxy(
    source: SessionSource, target: str, port: int = SSH_PORT, *, wait_s: float = DEFAULT_WAIT_S
) -> int:
    """Carry standard input and output as one connection, byte for byte; return 0 at its end.

    Args:
        source: Where sessions come from.
        target: An instance id.
        port: The machine's port.
        wait_s: Seconds to wait for an agent that is not connected.

    Raises:
        DsEc2Error: No session can be had, or it broke.
    """
    return asyncio.run(_run(source, target, port, wait_s))


async def _run(source: SessionSource, target: str, port: int, wait_s: float) -> int:
    request = SessionRequest(target, DOCUMENT_SSH, {"portNumber": [str(port)]})
    async with await open_session(source, request, wait_s, on_event=_tell) as session:
        handshake = await session.shake_hands()
        if handshake.multiplexed:
            raise DsEc2Error(f"{DOCUMENT_SSH} is not the raw connection it should be")
        with suppress(BrokenPipeError):  # ssh has ended
            async with OutputWriter(_OUTPUT) as output:
                await _Pipe(session.channel, output).run(port)
    return 0


class _Pipe:
    """Both directions of one connection."""

    def __init__(self, channel: Channel, output: OutputWriter) -> None:
        self._channel = channel
        self._output = output
        self._received = 0

    async def run(self, port: int) -> None:
        """Copy until the machine ends, or the input has ended and the machine is silent."""
        keys = InputReader(_INPUT)
        up = asyncio.create_task(self._copy_up(keys))
        down = asyncio.create_task(self._copy_down(port))
        broken = asyncio.create_task(self._output.broken())
        try:
            await asyncio.wait({up, down, broken}, return_when=asyncio.FIRST_COMPLETED)
            if not down.done():
                if not broken.done():
                    await self._wait_for_silence(down)
                await self._say_goodbye()
            if down.done():
                down.result()
            elif up.done():
                up.result()
        finally:
            keys.close()
            for task in (up, down, broken):
                task.cancel()
            await asyncio.gather(up, down, broken, return_exceptions=True)

    async def _copy_up(self, keys: InputReader) -> None:
        with suppress(ChannelClosedError):
            while data := await keys.read():
                await self._channel.send_bytes(data)
            await self._channel.flush(_FLUSH_S)

    async def _copy_down(self, port: int) -> None:
        try:
            while (message := await self._channel.receive()) is not None:
                if message.payload_type == PayloadType.OUTPUT:
                    self._received += len(message.payload)
                    await self._output.write(message.payload)
                elif message.payload == Flag.CONNECT_TO_PORT_ERROR.to_bytes(4, "big"):
                    raise _refused(port)
        except LinkLostError as error:
            raise DsEc2Error("the session broke", why=str(error)) from error
        if self._channel.reason and not self._received:
            raise DsEc2Error("Session Manager ended the session", why=self._channel.reason)

    async def _wait_for_silence(self, down: asyncio.Task[None]) -> None:
        received = -1
        while not down.done() and received != self._received:
            received = self._received
            await asyncio.wait({down}, timeout=_QUIET_S)

    async def _say_goodbye(self) -> None:
        with suppress(ChannelClosedError):
            flag = Flag.TERMINATE_SESSION.to_bytes(4, "big")
            await self._channel.send(PayloadType.FLAG, flag)
            await self._channel.flush(1.0)


def _refused(port: int) -> DsEc2Error:
    return DsEc2Error(
        f"the machine refused a connection to its port {port}",
        why="nothing listens there",
        hint="ds-ec2 logs" if port != SSH_PORT else "does sshd run? ds-ec2 ssh, then: systemctl status sshd",
    )


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
