"""What can be set about the gateway and the agent."""

from dataclasses import dataclass
from typing import Literal

AGENT_PACE_S = 0.001
"""The agent sleeps so long after each message of output. Source: agent/session/plugins/port, WritePump."""
AGENT_WINDOW = 100_000
"""Messages without acknowledgement. The real agent goes on beyond, and forgets them; here output waits."""
UNPACED_WINDOW = 1024
"""About 1 MB: without the pause, something else must keep output from running ahead of the client."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How sessions are served.

    Args:
        require_signature: Refuse upgrades without a signature, as AWS announced for old plugins.
        pace: `agent` sends as slowly as the real agent; None as fast as the client takes it.
        idle_timeout_s: Sessions without a message of either side end after it. AWS: 60 to 3600.
        handshake_timeout_s: How long the agent waits for the client's answer.
        agent_delay_s: A fault: how late the agent comes to each new session.
    """

    require_signature: bool = True
    pace: Literal["agent"] | None = None
    idle_timeout_s: float = 1200.0
    handshake_timeout_s: float = 15.0
    agent_delay_s: float = 0.0

    @property
    def pace_s(self) -> float:
        """The pause after each message of output."""
        return AGENT_PACE_S if self.pace == "agent" else 0.0

    @property
    def window(self) -> int:
        """Messages of output without acknowledgement."""
        return AGENT_WINDOW if self.pace == "agent" else UNPACED_WINDOW
