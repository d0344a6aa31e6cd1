"""The embedded AWS's log, and how often calls in it waited for each other."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account


def read_log(account: Account) -> list[dict[str, Any]]:
    """Return all calls that were made."""
    with urlopen(f"{account.endpoint}/_local/log", timeout=20) as answer:  # noqa: S310 - our own loopback address
        return [json.loads(line) for line in answer.read().decode().splitlines()]


def rounds(made: list[dict[str, Any]]) -> int:
    """The longest chain of calls that waited for each other: each began after the one before had ended."""
    ended, count = 0.0, 0
    ends = ((datetime.fromisoformat(one["time"]).timestamp(), one["ms"] / 1000) for one in made)
    for end, seconds in sorted(ends):
        if end - seconds >= ended:
            ended, count = end, count + 1
    return count
