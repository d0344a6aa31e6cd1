"""Shows an expected error: what happened, why, and what to paste next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_ec2.errors import DsEc2Error


def show_error(error: DsEc2Error) -> None:
    """Write the error to standard error, one thought a line."""
    lines = [f"ds-ec2: {error.what}"]
    if error.why:
        lines.append(_indented("why:  ", error.why))
    if error.hint:
        lines.append(_indented("next: ", error.hint))
    sys.stderr.write("\n".join(lines) + "\n")


def _indented(label: str, text: str) -> str:
    first, *rest = text.strip().splitlines() or [""]
    return "\n".join([f"  {label}{first}", *(" " * (2 + len(label)) + line for line in rest)])
