"""What has been spent, and what goes on billing, in words. Every figure is an estimate, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ds_ec2.console.amounts import duration, per_hour, per_month

if TYPE_CHECKING:
    from ds_ec2.model.listing import Listing
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.spent import Spent

_CENT: Final = 0.01


def money(usd: float) -> str:
    """Return `$4.12`, `$1,204.50`, or `under $0.01`; never a zero for something that was used."""
    return f"${usd:,.2f}" if usd >= _CENT else "under $0.01"


def about(spent: Spent, usd: float) -> str:
    """Return `about $4.12`, or `at least` or `at most` where that is all that is known."""
    bound = "about"
    if spent.at_least != spent.at_most:
        bound = "at least" if spent.at_least else "at most"
    return money(usd) if usd < _CENT and bound == "about" else f"{bound} ${max(usd, _CENT):,.2f}"


def so_far(spent: Spent | None) -> str:
    """Return what a machine has cost, with its parts; empty where that was not asked."""
    if spent is None:
        return ""
    parts = (
        f"instance {money(spent.instance_usd)} in {duration(spent.seconds)}, disks {money(spent.disks_usd)}"
    )
    return f"{about(spent, spent.usd)} ({parts})"


def last_run(spent: Spent | None) -> str:
    """Return what the last run took and cost; empty where it is not known."""
    if spent is None or not spent.run_seconds:
        return ""
    return f"{duration(spent.run_seconds)}, {about(spent, spent.run_usd)}"


def cell(machine: Machine) -> str:
    """Return what a table says of a machine: `4.12`, `>4.12` for at least, `<4.12` for at most."""
    spent = machine.spent
    if spent is None or not (spent.usd or spent.seconds):
        return "-"
    if spent.usd < _CENT:
        return "<0.01"
    sign = "" if spent.at_least == spent.at_most else ">" if spent.at_least else "<"
    return f"{sign}{spent.usd:,.2f}"


def totals(listing: Listing) -> str:
    """Return what all of it costs, in one line; empty where the table says it already."""
    if not listing.network and len(listing.machines) <= 1:
        return ""
    bound = "at least " if listing.at_least else ""
    most = listing.at_most and not listing.at_least
    now = per_hour(listing.usd_per_hour, approximate=listing.approximate, at_most=most)
    stopped = per_month(listing.usd_per_month_stopped)
    what = "Together"
    if listing.network:
        what = "With the network" if listing.machines else "The network"
    return f"{what}: {bound}{now} now, {bound}{stopped} when stopped."
