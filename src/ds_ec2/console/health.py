"""What `doctor` found, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.console.table import table
from ds_ec2.model.health import CheckState

if TYPE_CHECKING:
    from ds_ec2.model.health import Check, Health


def health_table(value: Health) -> str:
    """Return a line a check, and below them what mends those that are not well."""
    words = {CheckState.FAILED: "FAILED"}
    rows = []
    for check in value.checks:
        first, *more = check.detail.splitlines() or [""]
        rows.append([check.name, words.get(check.state, check.state.value), first])
        rows += [["", "", line] for line in more]
    fixes = [f"  {check.name}: {_indented(check)}" for check in value.checks if check.fix]
    lines = [f"region {value.region}", table(["CHECK", "STATE", "FOUND"], rows)]
    return "\n".join([*lines, *(["To mend:", *fixes] if fixes else [])])


def _indented(check: Check) -> str:
    """Return what mends it; further lines stand below the first."""
    return check.fix.replace("\n", "\n" + " " * (len(check.name) + 4))
