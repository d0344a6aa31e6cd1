"""Shells and commands.

Source: agent/session/plugins/sessionplugin and agent/session/shell of the agent
(executeCommandsWithPty, processCommandsWithExec, processCommandsWithOutputStreamSeparate, sendExitCode).
"""

import asyncio
import contextlib
import logging

from ds_ec2_local.instances import guest_client
from ds_ec2_local.session_manager import wire
from ds_ec2_local.session_manager.channel import DataChannel
from ds_ec2_local.session_manager.documents import SessionType
from ds_ec2_local.session_manager.ending import SessionEnded
from ds_ec2_local.session_manager.ports import flag_of
from ds_ec2_local.session_manager.registry import Session

USER = "ssm-user"
"""The account that the agent makes for sessions."""

CLOSE_TIMEOUT_S = 5.0

logger = logging.getLogger(__name__)

_PAYLOAD_TYPES = {
    guest_client.OUTPUT: wire.PayloadType.OUTPUT,
    guest_client.ERROR: wire.PayloadType.STANDARD_ERROR,
}


class ShellSession:
    """One shell or command.

    A command that is not interactive has no terminal. With `separateOutputStream` its two outputs come as
    they are written, and its status at the end; without, both come as one at the end, and no status does.
    """

    def __init__(self, channel: DataChannel, session: Session) -> None:
        self._channel = channel
        self._session = session
        self._terminal = session.plan.session_type != SessionType.NON_INTERACTIVE_COMMANDS
        self._separate = session.plan.properties.get("separateOutputStream", "").lower() == "true"

    async def run(self) -> None:
        """Carry input and output until the shell ends.

        Raises:
            SessionEnded: It cannot be started, the client ends it, or the instance is gone.
        """
        command = self._session.plan.properties.get("command")
        try:
            shell = await guest_client.open_shell(
                self._session.guest_socket, command, user=USER, terminal=self._terminal
            )
        except guest_client.ShellRefusedError as error:
            raise SessionEnded(f"Unable to start command: {error}", failed=True) from error
        taking = asyncio.create_task(self._take_input(shell))
        giving = asyncio.create_task(self._give_output(shell))
        try:
            await asyncio.wait({taking, giving}, return_when=asyncio.FIRST_COMPLETED)
            await (taking if taking.done() else giving)
        finally:
            taking.cancel()
            giving.cancel()
            await asyncio.gather(taking, giving, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):  # a process that reads nothing holds it up
                    await shell.close()

    async def _give_output(self, shell: guest_client.GuestShell) -> None:
        held = bytearray()
        while True:
            try:
                kind, data = await shell.read()
            except EOFError as error:
                raise SessionEnded("The instance is no longer running.", failed=True) from error
            if kind == guest_client.EXIT:
                break
            if self._terminal or self._separate:
                await self._channel.send_bytes(data, _PAYLOAD_TYPES[kind])
            else:
                held += data
        await self._channel.send_bytes(bytes(held))
        if self._separate:
            await self._channel.send(wire.PayloadType.EXIT_CODE, b"EXIT_CODE: " + data)

    async def _take_input(self, shell: guest_client.GuestShell) -> None:
        """Take input for ever; a shell that takes no more is noticed where its output ends."""
        while True:
            message = await self._channel.receive()
            if flag_of(message) == wire.Flag.TERMINATE_SESSION:
                raise SessionEnded
            try:
                await _input(shell, message)
            except (ConnectionError, wire.WireError) as error:
                logger.warning("input was lost: %s", error)


async def _input(shell: guest_client.GuestShell, message: wire.Message) -> None:
    if message.payload_type == wire.PayloadType.OUTPUT:
        await shell.write(message.payload)
    elif message.payload_type == wire.PayloadType.SIZE:
        size = wire.document_of(message)
        columns, rows = size.get("cols"), size.get("rows")
        if isinstance(columns, int) and isinstance(rows, int):
            await shell.resize(columns, rows)
