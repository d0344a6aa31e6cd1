"""Plans as text: what would be made or removed, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.console.amounts import duration, per_hour, per_month
from ds_ec2.console.attempts import hold, otherwise
from ds_ec2.console.resources import resources
from ds_ec2.console.spending import so_far
from ds_ec2.console.table import facts, table
from ds_ec2.model.offers import Market
from ds_ec2.model.plans import StackAction
from ds_ec2.model.requests import DataFate
from ds_ec2.model.wishes import SpotPolicy

if TYPE_CHECKING:
    from ds_ec2.model.bill import Bill
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.plans import (
        DownPlan,
        NetworkDownPlan,
        NetworkPlan,
        Quota,
        RetypePlan,
        StackPlan,
        UpPlan,
    )

_SHOWN_OFFERS: Final = 5


def up_plan(plan: UpPlan) -> str:
    """Return what `up` would make, with its price."""
    request = plan.request
    account = f"account {plan.account_id}" if plan.account_id else "offline: no account was asked"
    head = f"{request.name}: {_type(plan.type)} in {plan.zone}, {account}"
    idle = f"after {request.idle_minutes} min idle" if request.idle_minutes else ""
    most = f"{duration(request.max_minutes * 60)} after each start" if request.max_minutes else ""
    stops = ", at the latest ".join(part for part in (idle, most) if part) or "never by itself"
    body = facts(
        [
            ("market", _market(plan)),
            ("image", f"{plan.image.name} ({plan.image.id or 'not asked'})"),
            ("disks", f"root {plan.root_gib} GiB, data {plan.data_gib} GiB, both gp3 and encrypted"),
            ("data from", request.snapshot or ""),
            ("packages", _packages(plan)),
            ("python", request.python),
            ("stops", stops),
            ("stacks", _stacks((plan.network, plan.data, plan.machine))),
            ("quota", _quota(plan.quota)),
            ("if none", otherwise(plan.attempts)),
            ("held", hold(plan.attempts)),
        ]
    )
    parts = (_offers(plan), head, body, bill(plan.bill), _notes(plan.notes))
    return "\n".join(part for part in parts if part)


def network_plan(plan: NetworkPlan) -> str:
    """Return what `network up` would make."""
    head = f"{plan.stack.name} in {plan.region}, account {plan.account_id}"
    body = facts([("zones", ", ".join(plan.zones)), ("stacks", _stacks((plan.stack,)))])
    return "\n".join(part for part in (head, body, bill(plan.bill), _notes(plan.notes)) if part)


def network_down_plan(plan: NetworkDownPlan) -> str:
    """Return what `network down` would remove."""
    objects = f"{plan.objects} objects in {plan.network.bucket} go with it" if plan.objects else ""
    return "\n".join(
        [
            f"{plan.stack.name} in {plan.network.region}",
            facts([("bucket", objects), ("vpc", plan.network.vpc_id)]),
        ]
    )


def down_plan(plan: DownPlan) -> str:
    """Return what `down` would remove."""
    machine = plan.machine
    data = ""
    if plan.data_volume:
        fate = f": {plan.data.value}" if plan.data else ""
        data = f"{plan.data_volume}, {plan.data_gib} GiB{fate}"
        if plan.data is DataFate.KEEP_SNAPSHOT:
            data += f", at most {per_month(plan.snapshot_usd_per_month)}"
    body = facts(
        [
            ("stacks", _stacks(plan.stacks)),
            ("data", data),
            ("spent", so_far(machine.spent)),
            ("network", _network_stays(plan)),
        ]
    )
    head = " ".join(
        ["remove", machine.name, *([f"({machine.instance_type})"] if machine.instance_type else [])]
    )
    return "\n".join(part for part in (head, body, _notes(plan.notes)) if part)


def retype_plan(plan: RetypePlan) -> str:
    """Return what another type would change."""
    machine, price = plan.machine, plan.price
    after = per_hour(price.usd if price else None, approximate=bool(price and price.approximate))
    body = facts(
        [
            ("type", f"{_type(plan.type)} instead of {machine.instance_type}"),
            ("price", f"{after} while it runs, {per_hour(machine.usd_per_hour)} before"),
            ("disks", "stay as they are"),
        ]
    )
    return f"{machine.name} in {machine.zone}\n{body}"


def _network_stays(plan: DownPlan) -> str:
    if plan.network_usd_per_month is None:
        return ""
    what = f"for {', '.join(plan.others)}" if plan.others else "ds-ec2 network down removes it"
    return f"stays, {per_month(plan.network_usd_per_month)} while no machine runs; {what}"


def bill(value: Bill) -> str:
    """Return the lines of a bill and their sum."""
    if not value.lines:
        return ""
    rows = [
        [
            f"  {line.what}",
            per_hour(line.usd_per_hour_running, approximate=line.approximate, at_most=line.at_most)
            if line.usd_per_hour_running != 0
            else "-",
            per_month(line.usd_per_month_stopped) if line.usd_per_month_stopped else "-",
        ]
        for line in value.lines
    ]
    rows.append(
        [
            "  together",
            per_hour(value.usd_per_hour_running, approximate=value.approximate, at_most=value.at_most),
            per_month(value.usd_per_month_stopped),
        ]
    )
    return table(["  PRICE", "RUNNING", "STOPPED"], rows, right=frozenset({"RUNNING", "STOPPED"}))


def _offers(plan: UpPlan) -> str:
    """Return the first offers that the type was chosen from."""
    if plan.offers is None:
        return ""
    from ds_ec2.console.offers import offers_table

    shown = replace(plan.offers, offers=plan.offers.offers[:_SHOWN_OFFERS], notes=())
    return offers_table(shown, more=f"ds-ec2 offers {plan.offers.wish}") + "\n"


def _type(value: InstanceType) -> str:
    return f"{value.name} ({resources(value)})"


def _market(plan: UpPlan) -> str:
    """Return a spot price beside the price on demand; nothing where there was no choice of market."""
    price, usual = plan.price, plan.on_demand
    if plan.market is Market.ON_DEMAND:
        wished = plan.request.wish is not None and plan.request.wish.spot is SpotPolicy.AUTO
        return "on demand: no spot price is known to be lower" if wished else ""
    if price is None or usual is None:
        return f"spot, {per_hour(price.usd if price else None)}; the price on demand is not known"
    told = per_hour(usual.usd, approximate=usual.approximate)
    if price.at_most:
        return f"spot, at most the {told} on demand: its own price is not known"
    less = f", {100 * (1 - price.usd / usual.usd):.0f}% less" if price.usd < usual.usd else ""
    return f"spot, {per_hour(price.usd)} now in {plan.zone}; on demand {told}{less}"


def _stacks(stacks: tuple[StackPlan, ...]) -> str:
    words = {StackAction.REMAKE: "remake (an earlier try failed)", StackAction.WAIT: "wait for"}
    return ", ".join(f"{words.get(stack.action, stack.action.value)} {stack.name}" for stack in stacks)


def _quota(quota: Quota | None) -> str:
    if quota is None or quota.limit is None:
        return "not known"
    verdict = "enough" if quota.enough else "NOT ENOUGH"
    return f"{verdict}: {quota.needed} vCPU needed, {quota.used} of {quota.limit:g} in use ({quota.code})"


def _packages(plan: UpPlan) -> str:
    source = plan.document.source if plan.document else "the machine before"
    if plan.packages.startswith("{"):
        return f"{plan.document.kind.value} of {source}" if plan.document else f"as {source} had them"
    lines = [
        line for line in plan.packages.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    return f"{len(lines)} line{'' if len(lines) == 1 else 's'} from {source}"


def _notes(notes: tuple[str, ...]) -> str:
    return "\n".join(f"  note: {note}" for note in notes)
