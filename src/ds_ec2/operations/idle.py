"""`idle` and `keep`: what a machine's watch sees, what is busy to it, and an explicit hold."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.idle import THRESHOLDS, Held, IdleReport, Signal
from ds_ec2.model.names import TAG_MAX_MINUTES
from ds_ec2.operations.control import ask
from ds_ec2.operations.listing import with_words
from ds_ec2.operations.machines import find, reachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine

_FIRST_SAMPLE_S: Final = 45.0
"""The watch looks every 30 s."""


def idle(account: Account, name: str = "") -> IdleReport:
    """Return what a running machine's watch saw last.

    Raises:
        DsEc2Error: The machine does not run, with the reason why it stopped.
    """
    return _report(account, awake(account, name))


def awake(account: Account, name: str = "") -> Machine:
    """Return a machine that runs.

    Raises:
        DsEc2Error: It does not, with the reason why it stopped.
    """
    machine = find(account, name)
    if machine.instance_id:
        (machine,) = with_words(account, (machine,))
    return reachable(account, machine)


def change(
    account: Account,
    name: str,
    *,
    values: Mapping[str, float | None],
    max_minutes: int | None = None,
) -> IdleReport:
    """Change what is busy and when a machine stops, and return what follows.

    Args:
        account: Where.
        name: The machine's name.
        values: By threshold; `minutes` is the limit; None gives a value back to the stack.
        max_minutes: The longest that it may run after a start; 0 for as long as it likes; None leaves it.
    """
    machine = awake(account, name)
    before = _sample(account, machine)["sampled_at"]
    if max_minutes is not None:
        # The tag is what both the machine and the account's function read.
        account.ec2.tag(machine.instance_id, {TAG_MAX_MINUTES: str(max_minutes)})
    # Asked with nothing to set, the watch looks again at once.
    ask(account, machine, "thresholds", values=dict(values))
    return _report(account, machine, after=before)


def keep(account: Account, name: str, seconds: int) -> Held:
    """Hold a machine awake for so long from now; 0 lets go.

    Raises:
        DsEc2Error: The machine does not run, or refuses: 14 days are the most.
    """
    machine = awake(account, name)
    until = float(ask(account, machine, "keep", seconds=seconds)["until"])
    price = machine.usd_per_hour
    return Held(
        machine=machine,
        until=datetime.fromtimestamp(until, UTC) if seconds else None,
        most_usd=None if price is None else price * seconds / 3600,
    )


def given_back() -> dict[str, float | None]:
    """Return the values that give every threshold back to the stack."""
    return dict.fromkeys(("minutes", *THRESHOLDS))


def _report(account: Account, machine: Machine, after: float = 0.0) -> IdleReport:
    sample = _sample(account, machine, after)
    left = sample.get("stops_in_seconds")
    sampled = float(sample["sampled_at"])
    return IdleReport(
        name=machine.name,
        why=str(sample.get("why", "")),
        sampled_at=datetime.fromtimestamp(sampled, UTC),
        quiet_since=_moment(sample.get("quiet_since")),
        stops_at=None if left is None else datetime.fromtimestamp(sampled + float(left), UTC),
        limit_minutes=float(sample.get("limit_minutes", 0)),
        max_minutes=int(sample.get("max_minutes", 0)),
        signals=tuple(_signal(one) for one in sample.get("signals", [])),
        thresholds=tuple(sorted((key, float(value)) for key, value in sample.get("thresholds", {}).items())),
    )


def _sample(account: Account, machine: Machine, after: float = 0.0) -> dict[str, Any]:
    """Ask for a sample that is newer than `after`, patient with a watch that has just begun.

    Raises:
        DsEc2Error: None came: the watch is dead, and the account's function will stop the machine.
    """
    end = time.monotonic() + _FIRST_SAMPLE_S
    while True:
        sample = ask(account, machine, "idle")
        if float(sample.get("sampled_at", 0.0)) > after:
            return sample
        if time.monotonic() > end:
            raise DsEc2Error(
                f"the idle watch of {machine.name} says nothing new",
                why="it looks every 30 s; without it the account's own function stops the machine",
                hint=f"ds-ec2 ssh {machine.name}{account.flags} (its log: /var/log/ds-ec2/service-idle.log)",
            )
        time.sleep(max(account.poll_s, 1.0))


def _signal(item: Any) -> Signal:
    quiet = _moment(item.get("quiet_since"))
    return Signal(str(item["name"]), bool(item["busy"]), str(item["value"]), quiet)


def _moment(seconds: Any) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
