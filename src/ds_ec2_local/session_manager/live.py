"""A session that a client has opened: its channel, its agent, and its end."""

import asyncio
import contextlib
import time

from ds_ec2_local.session_manager import wire
from ds_ec2_local.session_manager.agent import Agent
from ds_ec2_local.session_manager.channel import DataChannel
from ds_ec2_local.session_manager.ending import SessionEnded
from ds_ec2_local.session_manager.registry import Session, SessionRegistry
from ds_ec2_local.session_manager.settings import GatewaySettings


class LiveSession:
    """Runs from the first websocket of a session to its end."""

    def __init__(self, session: Session, registry: SessionRegistry, settings: GatewaySettings) -> None:
        self.session = session
        self.channel = DataChannel(settings.pace_s, settings.window)
        self._registry = registry
        self._settings = settings
        self._ended: asyncio.Future[SessionEnded] = asyncio.get_running_loop().create_future()

    def end(self, output: str) -> None:
        """End the session from outside: the API, or the instance that stopped."""
        if not self._ended.done():
            self._ended.set_result(SessionEnded(output))

    async def run(self) -> None:
        """Run the agent until something ends the session; then say goodbye."""
        tasks = [asyncio.create_task(part) for part in (self._agent(), self._resend(), self._idle())]
        try:
            await asyncio.wait([*tasks, self._ended], return_when=asyncio.FIRST_COMPLETED)
            ending = self._ended.result() if self._ended.done() else await self._first(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._registry.mark(self.session.session_id, "Failed" if ending.failed else "Terminated")
        await self.channel.close(
            wire.channel_closed(self.session.session_id, self.session.target, ending.output)
        )

    async def _first(self, tasks: list[asyncio.Task[SessionEnded]]) -> SessionEnded:
        for task in tasks:
            if task.done():
                return await task
        raise AssertionError("no task is done")

    async def _agent(self) -> SessionEnded:
        await asyncio.sleep(self._settings.agent_delay_s)
        agent = Agent(self.session, self.channel, self._settings.handshake_timeout_s)
        try:
            await agent.run()
        except SessionEnded as ending:
            return ending
        await self.channel.flush()
        return SessionEnded()

    async def _resend(self) -> SessionEnded:
        with contextlib.suppress(TimeoutError):
            await self.channel.resend()
        return SessionEnded("The client acknowledged nothing.", failed=True)

    async def _idle(self) -> SessionEnded:
        while True:
            left = self.channel.last_activity + self._settings.idle_timeout_s - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(left)
        return SessionEnded(f"Session: {self.session.session_id} timed out due to inactivity.")
