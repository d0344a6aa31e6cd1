"""Reading what the account's own function noted of an instance; `ds_ec2_account.ledger` writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ds_ec2.model.spent import Kind, Ledger, Run

SINCE: Final = "from"
_SUM: Final = re.compile(r"([^ :=]+)=(\d{1,10})")
_RUN: Final = re.compile(r"([^ :=]+):(\d{1,10})-(\d{1,10})")
_SPOT: Final = "/spot"


def read_ledger(text: str) -> Ledger:
    """Read the tag; what is not understood is left out."""
    since, sums, runs = None, [], []
    for word in text.split():
        if run := _RUN.fullmatch(word):
            name, start, end = run.groups()
            runs.append(Run(_kind(name), _time(start), _time(end) if int(end) else None))
        elif found := _SUM.fullmatch(word):
            name, number = found.groups()
            if name == SINCE:
                since = _time(number)
            else:
                sums.append((_kind(name), int(number)))
    return Ledger(since, tuple(sums), tuple(sorted(runs, key=lambda one: one.launched_at)))


def _kind(name: str) -> Kind:
    return Kind(name.removesuffix(_SPOT), spot=name.endswith(_SPOT))


def _time(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
