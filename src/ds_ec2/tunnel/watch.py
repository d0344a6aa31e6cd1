"""Notices that the other end of a road is gone for good while nobody travels it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.tunnel.road import Road

_LOOK_EVERY_S: Final = 1.0
_ASK_CONNECTED_S: Final = 30.0
"""While the session lives. Its pings are answered by Session Manager, not by the machine: a machine that was
stopped may be silent only."""
_ASK_BROKEN_S: Final = 5.0
"""After the session broke."""


async def watch(
    road: Road,
    gone: Callable[[], str],
    *,
    look_every_s: float = _LOOK_EVERY_S,
    ask_connected_s: float = _ASK_CONNECTED_S,
    ask_broken_s: float = _ASK_BROKEN_S,
) -> None:
    """Ask whether the other end is gone, soon after the session broke and rarely before, until it is.

    A session that is only broken is left alone: the next connection opens a new one.

    Args:
        road: The road; broken for good with the answer.
        gone: Why the other end is gone for good, or empty; it may block.
        look_every_s: Seconds between two looks at the session.
        ask_connected_s: Seconds between two questions while the session lives.
        ask_broken_s: The same after it broke.
    """
    asked, connected = time.monotonic(), True
    while not road.failed:
        await asyncio.sleep(look_every_s)
        before, connected = connected, road.connected
        just_broke = before and not connected
        if not just_broke and time.monotonic() - asked < (ask_connected_s if connected else ask_broken_s):
            continue
        asked = time.monotonic()
        if why := await asyncio.to_thread(gone):
            road.fail(why)
