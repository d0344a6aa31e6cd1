"""What the services share.

moto makes its backends by itself, one a region, so they cannot be handed what they need: they ask here.
`server.py` sets the parts once, before the first request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ec2_local.services.events import EventRouter
    from ds_ec2_local.services.faults import Faults
    from ds_ec2_local.services.machines import Machines

ACCOUNT: Final = "123456789012"
"""The one account there is."""
DEFAULT_REGION: Final = "us-east-1"


@dataclass(slots=True)
class Parts:
    """Everything that one server shares between its services.

    Args:
        state: The server's directory.
        endpoint_url: Where all services answer.
        faults: What is to go wrong.
        machines: Runs the instances.
        events: Brings events to rules' targets.
        sessions: Session Manager's registry; set right after the parts are made.
        clock_scale: How many seconds of schedules and of the agent's naps pass in one second.
    """

    state: Path
    endpoint_url: str
    faults: Faults
    machines: Machines
    events: EventRouter
    sessions: Any = None
    clock_scale: float = 1.0


_current: list[Parts] = []


def install(parts: Parts) -> None:
    """Make `parts` the ones of this process."""
    _current[:] = [parts]


def current() -> Parts:
    """Return the parts of this process."""
    return _current[0]
