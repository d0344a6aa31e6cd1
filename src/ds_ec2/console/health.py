"""What `doctor` found, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.console.table import table
from ds_ec2.model.health import CheckState

if TYPE_CHECKING:
    from ds_ec2.model.health import Health


def health_table(value: Health) -> str:
    """Return a line a check, and below them what mends those that are not well."""
    words = {CheckState.FAILED: "FAILED"}
    rows = [[check.name, words.get(check.state, check.state.value), check.detail] for check in value.checks]
    fixes = [f"  {check.name}: {check.fix}" for check in value.checks if check.fix]
    lines = [f"region {value.region}", table(["CHECK", "STATE", "FOUND"], rows)]
    return "\n".join([*lines, *(["To mend:", *fixes] if fixes else [])])
