"""Durations as people type them: `90s`, `20m`, `4h`, `2d`."""

from __future__ import annotations

import re
from typing import Final

from ds_ec2.errors import UsageError

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_seconds(text: str, hint: str = "ds-ec2 up --idle-timeout 60m") -> int:
    """Return the seconds of `20m`, `1h30m`, `never` (0) or a bare number of minutes.

    Raises:
        UsageError: It is no duration.
    """
    clean = text.strip().lower()
    if clean in {"never", "0"}:
        return 0
    if clean.isdigit():
        return int(clean) * 60
    if re.fullmatch(r"(\d+[smhd])+", clean):
        return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", clean))
    raise UsageError(
        f"{text!r} is no duration",
        why="durations look like 20m, 4h, 1h30m, or never",
        hint=hint,
    )


def parse_minutes(text: str, hint: str) -> int:
    """Return a duration in minutes, a part of one counted whole.

    Raises:
        UsageError: It is no duration.
    """
    return -(-parse_seconds(text, hint) // 60)
