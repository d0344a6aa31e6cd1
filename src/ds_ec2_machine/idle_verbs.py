"""What the laptop asks of the watch: `idle`, `keep`, `thresholds`."""

from __future__ import annotations

import time
from typing import Any, Dict

from ds_ec2_machine import status, thresholds
from ds_ec2_machine.loader import read, write
from ds_ec2_machine.platform import KEEP, Platform
from ds_ec2_machine.refused import RefusedError

_LONGEST_KEEP_S = 14 * 86400

Values = Dict[str, Any]


def idle(platform: Platform, _request: Values) -> Values:
    """Return the last sample."""
    return read(platform.path(status.IDLE_FILE))


def keep(platform: Platform, request: Values) -> Values:
    """Hold the machine awake for `seconds` from now.

    Raises:
        RefusedError: It is no such number.
    """
    seconds = request.get("seconds")
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 <= seconds <= _LONGEST_KEEP_S
    ):
        raise RefusedError(f"seconds must be a number from 0 to {_LONGEST_KEEP_S}")
    until = time.time() + seconds
    write(platform.path(KEEP), f"{until:.0f}\n".encode())
    platform.give(platform.file(KEEP))
    return {"until": until}


def change_thresholds(platform: Platform, request: Values) -> Values:
    """Set the machine's own thresholds, `values` by name.

    Raises:
        RefusedError: There is no such threshold, or the number cannot be.
    """
    values = request.get("values")
    if not isinstance(values, dict):
        raise RefusedError("values must be an object: names and numbers")
    try:
        return {"thresholds": thresholds.change(platform, values)}
    except ValueError as error:
        raise RefusedError(str(error)) from None
