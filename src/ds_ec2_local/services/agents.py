"""The SSM agents of the instances: since when each is connected, and which sleep.

Source: an agent whose first ping fails hibernates: it sleeps 5 minutes, and up to an hour after more failures
(amazon-ssm-agent, agent/ssm/hibernation).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2_local.services.faults import Faults

FIRST_NAP_S: Final = 300.0
LONGEST_NAP_S: Final = 3600.0


@dataclass(slots=True)
class _Agent:
    ready_at: float
    reaches: bool = False
    tried: bool = False
    wakes_at: float = 0.0
    nap: float = FIRST_NAP_S


class Agents:
    """Knows which instances' agents are connected.

    Args:
        faults: `agent_delay_s` and `agent_hibernates`.
        clock_scale: Seconds of naps that pass in one second.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self, faults: Faults, clock_scale: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._faults = faults
        self._scale = clock_scale
        self._clock = clock
        self._agents: dict[str, _Agent] = {}

    def booted(self, instance_id: str) -> None:
        """The machine came up; its agent starts."""
        delay = float(self._faults.get("agent_delay_s", 0))
        self._agents[instance_id] = _Agent(ready_at=self._clock() + delay)

    def gone(self, instance_id: str) -> None:
        """The machine went down."""
        self._agents.pop(instance_id, None)

    def way(self, instance_id: str, *, reaches: bool) -> None:
        """Say whether the machine reaches Systems Manager from now on."""
        if agent := self._agents.get(instance_id):
            self._ping(agent)
            agent.reaches = reaches

    def connected(self, instance_id: str) -> bool:
        """Return whether the agent is connected now."""
        agent = self._agents.get(instance_id)
        if agent is None:
            return False
        self._ping(agent)
        now = self._clock()
        return agent.reaches and now >= agent.ready_at and now >= agent.wakes_at

    def _ping(self, agent: _Agent) -> None:
        """Let pass what the agent did since it was last looked at."""
        now = self._clock()
        if not self._faults.get("agent_hibernates"):
            agent.wakes_at = 0.0
            return
        if agent.tried and agent.wakes_at == 0.0:
            return
        due = agent.wakes_at or agent.ready_at
        while now >= due:
            agent.tried = True
            if agent.reaches:
                agent.wakes_at = 0.0
                return
            agent.wakes_at = due + agent.nap / self._scale
            agent.nap = min(agent.nap * 2, LONGEST_NAP_S)
            due = agent.wakes_at
