"""Machines and networks as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ds_ec2.console.amounts import clock, duration, per_hour, per_month
from ds_ec2.console.plans import bill
from ds_ec2.console.spending import cell, last_run, so_far
from ds_ec2.console.table import facts, fitted, table
from ds_ec2.model.machine import STAGE_TITLES, MachineStatus, StageState
from ds_ec2.model.offers import Market

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_ec2.model.machine import Machine
    from ds_ec2.model.plans import DownResult, LocalStatus, Network

_NEWS: Final = timedelta(days=1)
"""So long it is told of a machine that runs again that EC2 had taken it back."""


def machine_table(
    machines: Sequence[Machine], now: datetime | None = None, *, width: int | None = None
) -> str:
    """Return a line per machine.

    Args:
        machines: What is shown.
        now: For tests.
        width: Columns of the terminal: where the lines are longer, columns are left out, the status is cut.
    """
    moment = now or datetime.now(UTC)
    owners = {machine.owner for machine in machines}
    rows = [
        [
            machine.name,
            *([machine.owner] if len(owners) > 1 else []),
            status_words(machine, moment),
            _type(machine),
            machine.zone or "-",
            _rate(machine),
            cell(machine),
            _autostop(machine),
            _age(machine.created_at, moment),
        ]
        for machine in machines
    ]
    owner = ["OWNER"] if len(owners) > 1 else []
    columns = ["NAME", *owner, "STATUS", "TYPE", "ZONE", "$/HR", "SPENT", "AUTOSTOP", "AGE"]
    if width is not None:
        columns, rows = fitted(columns, rows, width, drop=_LESS, cut="STATUS")
    return table(columns, rows, right=frozenset({"$/HR", "SPENT"}))


_LESS: Final = ("AGE", "ZONE", "AUTOSTOP", "TYPE", "OWNER")
"""Columns that a narrow terminal does without, the first one first."""


def status_words(machine: Machine, now: datetime) -> str:
    """Return what a machine does, as far as it is known: `booting: packages`, `ready`, ..."""
    taken = machine.interruption
    if taken and taken.code:
        return f"{machine.status.value}: {taken.why} at {clock(taken.at, now)}, and starts it again"
    if taken and machine.status is MachineStatus.RUNNING and now - taken.at < _NEWS:
        noticed = machine.launched_at is not None and taken.at >= machine.launched_at
        told = "EC2 takes it back within minutes: told" if noticed else "interrupted"
        return f"{_progress(machine)}, {told} at {clock(taken.at, now)}"
    if machine.stopped:
        return f"{machine.status.value}: {machine.stopped.why} at {clock(machine.stopped.at, now)}"
    return _progress(machine)


def _progress(machine: Machine) -> str:
    if machine.status is not MachineStatus.RUNNING or not machine.stages:
        return machine.status.value
    failed = [one for one in machine.stages if one.state is StageState.FAILED]
    last = (failed or machine.stages)[-1 if not failed else 0]
    title = STAGE_TITLES.get(last.name, last.name)
    if failed:
        return f"failed: {title}"
    return "ready" if (last.name, last.state) == ("ready", StageState.DONE) else f"booting: {title}"


def machine_facts(machine: Machine, flags: str = "") -> str:
    """Return a machine and what can be done with it; `flags` are the target's (` --local`)."""
    running = machine.status is MachineStatus.RUNNING
    verbs = [("open", "lab"), ("shell", "ssh"), ("pause", "stop")] if running else [("start", "start")]
    pairs = [(label, f"ds-ec2 {verb} {machine.name}{flags}") for label, verb in [*verbs, ("remove", "down")]]
    price = per_hour(machine.usd_per_hour, at_most=machine.usd_at_most) + (
        " while it runs" if running else " when it runs"
    )
    where = f"{_type(machine)} in {machine.zone}, {machine.instance_id}"
    head = f"{machine.name} is {machine.status.value}: {where}"
    known = [
        ("price", price),
        ("stopped", "" if running else _disks(machine)),
        ("this run" if running else "last run", last_run(machine.spent)),
        ("spent", so_far(machine.spent)),
        ("autostop", _autostop(machine)),
    ]
    return "\n".join([head, facts([*known, *pairs])])


def stages(machine: Machine) -> str:
    """Return the bootstrap stages with their durations, and the reason where one failed."""
    rows = [
        [stage.name, stage.state.value, "" if stage.seconds is None else f"{stage.seconds:.1f} s"]
        for stage in machine.stages
    ]
    errors = [f"\n{s.name}: {s.error}" for s in machine.stages if s.state is StageState.FAILED]
    return "\n".join([table(["STAGE", "STATE", "TOOK"], rows, right=frozenset({"TOOK"})), *errors])


def down_result(result: DownResult, flags: str = "") -> str:
    """Return what is left, looked up after the removal."""
    meant = [left for left in result.leftovers if left.meant]
    unmeant = [left for left in result.leftovers if not left.meant]
    lines = [f"{result.name} is gone."]
    if result.spent:
        lines.append(f"It cost {so_far(result.spent)}")
    if not result.leftovers:
        lines.append("Nothing tagged with its name is left.")
    for left in (*unmeant, *meant):
        price = f", ${left.usd_per_month:.2f}/month at most" if left.usd_per_month else ""
        lines.append(f"{'Kept' if left.meant else 'STILL THERE'}: {left.kind} {left.id}{price}")
        if left.meant and left.kind == "snapshot":
            lines.append(f"  begin again with it: ds-ec2 up {result.name} --snapshot {left.id}{flags}")
    if result.network_stays:
        others = f" for {', '.join(result.others)}" if result.others else ""
        month = result.network_usd_per_month
        price = f", {per_month(month)} while no machine runs" if month else ""
        rest = "" if others else f"; remove it with: ds-ec2 network down{flags}"
        lines.append(f"The network stays{others}{price}{rest}")
    return "\n".join(lines)


def network_facts(network: Network) -> str:
    """Return the shared network."""
    way_out = " ".join(
        part for part in (network.way_out, network.way_out_instance, network.way_out_state) if part
    )
    body = facts(
        [
            ("stack", network.stack_status),
            ("vpc", network.vpc_id),
            (
                "subnets",
                ", ".join(f"{s} ({z})" for s, z in zip(network.subnets, network.zones, strict=False)),
            ),
            ("security group", f"{network.security_group}, no inbound rule"),
            ("bucket", network.bucket),
            ("way out", way_out),
            ("machines", ", ".join(network.machines) or "none"),
            ("now", per_hour(network.usd_per_hour, approximate=network.bill.approximate)),
            ("spent", so_far(network.spent)),
        ]
    )
    return "\n".join(part for part in (f"network in {network.region}", body, bill(network.bill)) if part)


def local_facts(status: LocalStatus) -> str:
    """Return the state of the embedded AWS."""
    if not status.running:
        return "The embedded AWS does not run.\n" + facts([("start", "ds-ec2 local start")])
    return "The embedded AWS runs.\n" + facts(
        [
            ("endpoint", status.endpoint_url),
            ("process", str(status.pid)),
            ("machines", f"isolated by {status.isolation}"),
            ("since", status.started_at),
            ("state", status.state_dir),
            ("log", status.log),
            ("use it", f"export AWS_ENDPOINT_URL={status.endpoint_url}"),
        ]
    )


def _type(machine: Machine) -> str:
    spot = " (spot)" if machine.market is Market.SPOT else ""
    return (machine.instance_type or "-") + spot


def _disks(machine: Machine) -> str:
    if machine.usd_per_month_stopped is None:
        return ""
    return f"{per_month(machine.usd_per_month_stopped)} for {machine.disk_gib} GiB of disks"


def _rate(machine: Machine) -> str:
    if machine.usd_per_hour is None:
        return "-"
    return f"{'<' if machine.usd_at_most else ''}{machine.usd_per_hour:.4f}"


def _autostop(machine: Machine) -> str:
    if machine.idle_minutes is None:
        return "-"
    idle = f"{machine.idle_minutes} min idle" if machine.idle_minutes else ""
    most = f"{duration(machine.max_minutes * 60)} at most" if machine.max_minutes else ""
    return ", ".join(part for part in (idle, most) if part) or "never"


def _age(created_at: datetime | None, now: datetime) -> str:
    return "-" if created_at is None else duration((now - created_at).total_seconds())
