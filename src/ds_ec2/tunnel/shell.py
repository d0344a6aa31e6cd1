"""A shell, or one command, on this terminal."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel.channel import Channel, ChannelClosedError
from ds_ec2.tunnel.codec import PayloadType
from ds_ec2.tunnel.documents import terminal_size
from ds_ec2.tunnel.link import LinkLostError
from ds_ec2.tunnel.session import Session, open_session
from ds_ec2.tunnel.start import DEFAULT_WAIT_S, SessionRequest
from ds_ec2.tunnel.stdio import InputReader, OutputWriter
from ds_ec2.tunnel.terminal import raw, size, size_changes

if TYPE_CHECKING:
    from ds_ec2.model.sessions import SessionSource
    from ds_ec2.tunnel.codec import Message

_DOCUMENT_COMMAND: Final = "AWS-StartNonInteractiveCommand"
_EXIT_CODE: Final = b"EXIT_CODE: "
"""Source: amazon-ssm-agent, agent/session/shell/shell.go (sendExitCode)."""
_END_OF_INPUT: Final = b"\x04"
_INPUT, _OUTPUT, _ERROR = 0, 1, 2


def run_shell(
    source: SessionSource, target: str, command: str | None = None, *, wait_s: float = DEFAULT_WAIT_S
) -> int:
    """Open a shell on this terminal and return its exit status when it ends.

    With a command there is no terminal on the machine, as with ssh: standard output and standard error stay
    apart, the status is the command's, and it gets no input. A shell's status is 0 when it ended by itself,
    since Session Manager does not tell it.

    Args:
        source: Where sessions come from.
        target: An instance id.
        command: One command, in the syntax of the machine's shell.
        wait_s: Seconds to wait for an agent that is not connected.

    Raises:
        DsEc2Error: No session can be had, or it broke.
    """
    request = SessionRequest(target)
    if command is not None:
        parameters = {"command": [command], "separateOutputStream": ["true"]}
        request = SessionRequest(target, _DOCUMENT_COMMAND, parameters)
    return asyncio.run(_run(source, request, wait_s))


async def _run(source: SessionSource, request: SessionRequest, wait_s: float) -> int:
    session = await open_session(source, request, wait_s, on_event=_tell)
    async with session, OutputWriter(_OUTPUT) as output, OutputWriter(_ERROR) as errors:
        return await _Shell(session, output, errors, interactive=request.document is None).run()


class _Shell:
    """One conversation; ready with the first message that is no handshake."""

    def __init__(
        self, session: Session, output: OutputWriter, errors: OutputWriter, *, interactive: bool
    ) -> None:
        self._session = session
        self._outputs = {PayloadType.OUTPUT: output, PayloadType.STANDARD_ERROR: errors}
        self._interactive = interactive
        self._status: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._resized = asyncio.Event()
        self._on_exit = ExitStack()

    async def run(self) -> int:
        """Carry the conversation to its end and return the exit status."""
        channel = self._session.channel
        try:
            while (message := await channel.receive()) is not None:
                await self._take(message)
        except (LinkLostError, ChannelClosedError) as error:
            raise DsEc2Error("the session broke", why=str(error)) from error
        except OSError:
            return 1  # nobody reads our output
        finally:
            self._on_exit.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if channel.reason and self._status is None:
            raise DsEc2Error("Session Manager ended the session", why=channel.reason)
        return self._status or 0

    async def _take(self, message: Message) -> None:
        if message.payload_type == PayloadType.HANDSHAKE_REQUEST:
            await self._session.answer_handshake(message)
        elif message.payload_type == PayloadType.HANDSHAKE_COMPLETE:
            self._session.complete_handshake(message)
            self._begin()
        elif message.payload_type == PayloadType.EXIT_CODE:
            with suppress(ValueError):
                self._status = int(message.payload.removeprefix(_EXIT_CODE))
        elif (output := self._outputs.get(message.payload_type)) is not None:
            self._begin()
            await output.write(message.payload)

    def _begin(self) -> None:
        """Send keys and sizes from now on."""
        if self._tasks or not self._interactive:
            return
        self._on_exit.enter_context(raw(_INPUT))
        keys = InputReader(_INPUT)
        self._on_exit.callback(keys.close)
        self._on_exit.enter_context(size_changes(self._resized.set))
        self._resized.set()
        channel = self._session.channel
        self._tasks = [asyncio.create_task(_type(keys, channel)), asyncio.create_task(self._tell_size())]

    async def _tell_size(self) -> None:
        told = None
        with suppress(ChannelClosedError):
            while True:
                await self._resized.wait()
                self._resized.clear()
                if (now := size(_OUTPUT)) != told:
                    told = now
                    await self._session.channel.send(PayloadType.SIZE, terminal_size(*now))


async def _type(keys: InputReader, channel: Channel) -> None:
    """Send what is typed; the end of a file becomes the key that says so."""
    with suppress(ChannelClosedError):
        while data := await keys.read():
            await channel.send_bytes(data)
        await channel.send_bytes(_END_OF_INPUT)


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
