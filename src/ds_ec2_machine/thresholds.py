"""What is busy and what is quiet, in numbers: one table, and where another value may come from."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Mapping

from ds_ec2_machine.loader import read, write

if TYPE_CHECKING:
    from ds_ec2_machine.platform import Platform

OWN_FILE = "/etc/ds-ec2/idle.json"
"""The machine's own values: `{"cpu": 0.2}`. Each wins over the stack's, which wins over the table."""


@dataclass(frozen=True)
class Threshold:
    """A number that a person may set.

    Args:
        unit: Its unit.
        default: Where nobody says otherwise.
        most: The greatest value; the least is 0.
    """

    unit: str
    default: float
    most: float


THRESHOLDS: Dict[str, Threshold] = {
    # Stop after so many quiet minutes; 0 for never.
    "minutes": Threshold("min", 60.0, 10080.0),
    # Of people's processes together: an idle JupyterLab uses less than a tenth of that.
    "cpu": Threshold("cores", 0.1, 1024.0),
    # Of what runs in terminals alone, where nothing idles but shells.
    "terminals": Threshold("cores", 0.01, 1024.0),
    # Of any GPU. One that only holds a model in its memory shows 0.
    "gpu": Threshold("percent", 5.0, 100.0),
    # Both ways together, for two minutes on end. Open tabs and this program's own messages stay under 5.
    "network": Threshold("kB/s", 50.0, 10_000_000.0),
}


def thresholds(platform: Platform) -> Dict[str, float]:
    """Return the values in force."""
    values = {name: one.default for name, one in THRESHOLDS.items()}
    settings = platform.settings()
    stack: Dict[str, Any] = dict(
        pair.split("=", 1) for pair in settings.get("idle", "").split(",") if "=" in pair
    )
    if settings.get("idle_minutes"):
        stack["minutes"] = settings["idle_minutes"]
    for source in (stack, _own(platform)):
        for name in THRESHOLDS:
            with contextlib.suppress(KeyError, ValueError, TypeError):
                values[name] = float(source[name])
    return values


def _own(platform: Platform) -> Dict[str, Any]:
    """Return the machine's own values; what somebody wrote there that is no JSON changes nothing."""
    try:
        return read(platform.path(OWN_FILE))
    except (OSError, ValueError, TypeError):
        return {}


def change(platform: Platform, wanted: Mapping[str, Any]) -> Dict[str, float]:
    """Set the machine's own values, and return those in force; None gives one back to the stack.

    Raises:
        ValueError: There is no such threshold, or the number cannot be.
    """
    own = _own(platform)
    for name, value in wanted.items():
        if name not in THRESHOLDS:
            raise ValueError(f"no threshold {name!r}: there are {', '.join(THRESHOLDS)}")
        one = THRESHOLDS[name]
        if value is None:
            own.pop(name, None)
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= one.most:
            raise ValueError(f"{name} is a number from 0 to {one.most:g} ({one.unit})")
        else:
            own[name] = value
    write(platform.path(OWN_FILE), json.dumps(own).encode())
    return thresholds(platform)
