"""Write docs/reference/permissions.md from the list of actions; --check says if it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from ds_ec2.policy.actions import OPERATIONS, STEPS, needs
from ds_ec2.policy.resources import Place

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "permissions.md"
PLACE = Place("aws", "REGION", "ACCOUNT")
HEAD = """\
# Permissions

Made from `ds_ec2.policy.actions` by `make docs`. Every call that an operation makes on the embedded AWS is in
this list, and every call of CloudFormation for whoever makes the stack; a test holds that.
`sts:GetCallerIdentity` cannot be denied. What is marked with * can be missing: `up` then goes on without.
"""


def section(operation: str) -> str:
    """Return the actions of an operation, by step and resource."""
    rows: dict[tuple[str, str], list[str]] = {}
    for need in needs(operation):
        action = f"`{need.action}`" + ("" if need.needed else "\\*")
        rows.setdefault((STEPS[need.step], PLACE.pattern(need.kind)), []).append(action)
    lines = [f"| {step} | `{resource}` | {' '.join(actions)} |" for (step, resource), actions in rows.items()]
    return "\n".join([f"## {operation}\n", "| step | resource | actions |", "|---|---|---|", *lines, ""])


def main() -> int:
    """Write the page, or compare it."""
    text = "\n".join([HEAD, *map(section, OPERATIONS)])
    if "--check" in sys.argv:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
