"""The agent's part in one session: the handshake, then what the document asks for."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from ds_ec2_local.session_manager import wire
from ds_ec2_local.session_manager.channel import DataChannel
from ds_ec2_local.session_manager.documents import SessionType
from ds_ec2_local.session_manager.ending import SessionEnded
from ds_ec2_local.session_manager.ports import BasicPort, Destination, MuxPort
from ds_ec2_local.session_manager.registry import Session
from ds_ec2_local.session_manager.shells import ShellSession

AGENT_VERSION = "3.3.3270.0"
"""Later than 3.0.196.0 (a client may use smux) and than 3.1.1511.0 (it sends no keep-alives)."""
MUX_CLIENT = (1, 1, 70)
"""The first client that is given smux. Source: agent/session/plugins/port."""
SUCCESS = 1
"""ActionStatus of an action that the client carried out."""


class Agent:
    """Runs one session on its data channel."""

    def __init__(self, session: Session, channel: DataChannel, handshake_timeout_s: float) -> None:
        self._session = session
        self._channel = channel
        self._handshake_timeout_s = handshake_timeout_s

    async def run(self) -> None:
        """Run the session to its end.

        Raises:
            SessionEnded: It ended in another way than by itself.
        """
        session_type = self._session.plan.session_type
        client_version = ""
        if session_type.has_handshake:
            client_version = await self._handshake()
        if session_type == SessionType.PORT:
            await self._port(client_version).run()
        else:
            await ShellSession(self._channel, self._session).run()

    def _port(self, client_version: str) -> BasicPort | MuxPort:
        properties = self._session.plan.properties
        destination = Destination(
            self._session.guest_socket, properties.get("host", "localhost"), int(properties["portNumber"])
        )
        forwards = properties.get("type") == "LocalPortForwarding"
        if forwards and version_of(client_version) >= MUX_CLIENT:
            return MuxPort(self._channel, destination)
        return BasicPort(self._channel, destination)

    async def _handshake(self) -> str:
        """Ask the client what it can do; return its version.

        Raises:
            SessionEnded: No answer in time, or the client cannot do it.
        """
        began = time.monotonic_ns()
        action = {
            "SessionType": self._session.plan.session_type,
            "Properties": dict(self._session.plan.properties),
        }
        request = {
            "AgentVersion": AGENT_VERSION,
            "RequestedClientActions": [{"ActionType": "SessionType", "ActionParameters": action}],
        }
        await self._channel.send(wire.PayloadType.HANDSHAKE_REQUEST, _json(request))
        try:
            async with asyncio.timeout(self._handshake_timeout_s):
                message = await self._response()
        except TimeoutError:
            raise SessionEnded(
                "Handshake timed out. Please ensure that you have the latest version of the"
                " session manager plugin.",
                failed=True,
            ) from None
        version = _accepted(message)
        complete = {"HandshakeTimeToComplete": time.monotonic_ns() - began, "CustomerMessage": ""}
        await self._channel.send(wire.PayloadType.HANDSHAKE_COMPLETE, _json(complete))
        return version

    async def _response(self) -> wire.Message:
        while True:
            message = await self._channel.receive()
            if message.payload_type == wire.PayloadType.HANDSHAKE_RESPONSE:
                return message


def version_of(text: str) -> tuple[int, ...]:
    """Return a version's numbers; text that is none is older than all."""
    parts = text.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def _accepted(message: wire.Message) -> str:
    """Return the client's version.

    Raises:
        SessionEnded: The response is not one, or tells of a failure.
    """
    try:
        response = wire.document_of(message)
    except wire.WireError as error:
        raise SessionEnded(f"Handshake failed: {error}", failed=True) from error
    actions = response.get("ProcessedClientActions") or []
    if not any(action.get("ActionType") == "SessionType" for action in actions):
        raise SessionEnded("Handshake failed: the client processed no SessionType action.", failed=True)
    for action in actions:
        if action.get("ActionStatus") != SUCCESS:
            raise SessionEnded(
                f"{action.get('ActionType')} failed on client with status {action.get('ActionStatus')}"
                f" error: {action.get('Error')}",
                failed=True,
            )
    return str(response.get("ClientVersion", ""))


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
