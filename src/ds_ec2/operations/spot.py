"""Spot machines that are there: what they cost now, what EC2 did with them, and the end of their requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.machine import Interruption, MachineStatus
from ds_ec2.model.names import TAG_STACK, MachineParameter
from ds_ec2.model.offers import Market

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.spot_requests import SpotRequest
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.plans import UpPlan

_REASONS: Final = {
    "instance-stopped-no-capacity": "EC2 needed its capacity",
    "instance-stopped-by-price": "the spot price rose above the price on demand",
}
"""Status codes of a request whose machine EC2 stopped.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
"""
_BACK: Final = "it waits for room in its zone for its type"
_DOWN: Final = frozenset({MachineStatus.STOPPING, MachineStatus.STOPPED})


@dataclass(frozen=True, slots=True)
class SpotWords:
    """What EC2 says of spot machines.

    Args:
        prices: Instance type to zone to the spot price of now.
        requests: Instance id to the request behind it.
    """

    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    requests: Mapping[str, SpotRequest] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: UpPlan) -> SpotWords:
        """Return the prices that a plan was made at, of all that it tries."""
        found: dict[str, dict[str, float]] = {}
        for one in plan.attempts:
            if one.market is Market.SPOT and one.price and not one.price.at_most:
                found.setdefault(one.type.name, {})[one.zone] = one.price.usd
        return cls(found)


def read_spot(account: Account, machines: Sequence[Machine]) -> SpotWords:
    """Ask for the spot prices of now and for what EC2 interrupted; nobody, where there is no spot machine.

    Whoever may not read requests or spot prices sees the machines without them.
    """
    spot = [one for one in machines if one.market is Market.SPOT]
    if not spot:
        return SpotWords()
    with ThreadPoolExecutor(2) as pool:
        prices = pool.submit(_prices, account, {one.instance_type for one in spot})
        requests = pool.submit(_requests, account, [one.stack for one in spot])
        return SpotWords(prices.result(), {one.instance: one for one in requests.result()})


def with_spot(machine: Machine, words: SpotWords) -> Machine:
    """Return a machine with its spot price, and its interruption where EC2 has stopped it."""
    if machine.market is not Market.SPOT:
        return machine
    price = words.prices.get(machine.instance_type, {}).get(machine.zone)
    if price is not None:
        machine = replace(machine, usd_per_hour=price, usd_at_most=False)
    request = words.requests.get(machine.instance_id)
    # EC2 forgets why it stopped a machine when that runs again.
    why = _REASONS.get(request.code) if request and machine.status in _DOWN else None
    if why and request and request.updated_at:
        machine = replace(machine, interruption=Interruption(why, request.updated_at, request.code))
    return machine


def check_startable(account: Account, machine: Machine) -> None:
    """Check that a machine is not one that only EC2 can start.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html

    Raises:
        DsEc2Error: EC2 took it back.
    """
    taken = machine.interruption
    if not taken or not taken.code:
        return
    verbs = f"{machine.name}{account.flags}"
    raise DsEc2Error(
        f"only EC2 can start {machine.name} again, and does so by itself",
        why=f"{taken.why} at {taken.at.astimezone():%Y-%m-%d %H:%M} ({taken.code}): {_BACK}",
        hint=(
            f"ds-ec2 ls{account.flags} (or take its data elsewhere: ds-ec2 down {verbs} --data keep-snapshot,"
            f" then ds-ec2 up {verbs} --on-demand --snapshot snap-...)"
        ),
    )


def end_requests(account: Account, stack: str, parameters: Mapping[str, str], own: str = "") -> None:
    """Cancel the requests of a machine stack, and end what they launched besides the stack's own machine.

    A request that lives launches another machine for one that ended, so it is cancelled before its stack
    goes; and again when that is gone, since a stack that is being made may make one at any moment.
    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-request.html

    Args:
        account: Where.
        stack: The stack's name.
        parameters: The stack's: nothing is asked where they do not say that it is on the spot market.
        own: Id of the stack's own machine, which goes with the stack.
    """
    if parameters.get(MachineParameter.MARKET) != Market.SPOT.value:
        return
    found = [one for one in account.spot_requests.find({f"tag:{TAG_STACK}": [stack]}) if one.living]
    if not found:
        return
    account.spot_requests.cancel([one.id for one in found])
    # One may have launched a machine since it was looked at.
    again = account.spot_requests.find({"spot-instance-request-id": [one.id for one in found]})
    for name in {one.instance for one in (*found, *again)} - {own, ""}:
        account.ec2.terminate(name)


def _prices(account: Account, types: set[str]) -> Mapping[str, Mapping[str, float]]:
    try:
        return account.instance_types.spot_prices(sorted(types))
    except DsEc2Error:
        return {}


def _requests(account: Account, stacks: list[str]) -> tuple[SpotRequest, ...]:
    try:
        return account.spot_requests.find({f"tag:{TAG_STACK}": stacks})
    except DsEc2Error:
        return ()
