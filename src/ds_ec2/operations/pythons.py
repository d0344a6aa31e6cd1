"""Which Python versions a project accepts."""

from __future__ import annotations

import re
from typing import Final

from ds_ec2.errors import UsageError

_MINORS: Final = range(9, 16)
"""Python versions that images have or will have: 3.9 to 3.15."""
_CLAUSE: Final = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*3(?:\.(\d+|\*))?(?:\.(\d+|\*)\S*)?")


def accepted(specifier: str, source: str) -> tuple[str, ...]:
    """Return the versions that a `requires-python` accepts, oldest first; empty for any.

    Patch releases are not looked at: which one a machine has is its distribution's choice.

    Raises:
        UsageError: It is no specifier, or accepts none.
    """
    minors = set(_MINORS)
    for clause in filter(None, (part.strip() for part in specifier.split(","))):
        found = _CLAUSE.fullmatch(clause)
        if not found:
            if re.fullmatch(r"(<|<=|!=)\s*4(\.0)*", clause) or re.fullmatch(r"(>=|>|!=)\s*2(\.\d+)*", clause):
                continue
            raise UsageError(f"{source}: requires-python {specifier!r} is not understood", hint=">=3.11")
        minors &= _clause(*found.groups())
    if not minors:
        raise UsageError(f"{source}: no Python is {specifier!r}", hint="requires-python = '>=3.11'")
    return tuple(f"3.{minor}" for minor in sorted(minors)) if minors != set(_MINORS) else ()


def _clause(operator: str, minor: str | None, patch: str | None) -> set[int]:
    """Return the minor versions of which some release fits one clause."""
    every = set(_MINORS)
    if minor in {None, "*"}:
        return every
    number = int(minor or 0)
    if operator == "~=":
        return {number} if patch is not None else {one for one in every if one >= number}
    exact = patch is None or patch == "*"
    return {
        "===": {number},
        "==": {number},
        "!=": every - ({number} if exact else set()),
        ">=": {one for one in every if one >= number},
        ">": {one for one in every if one > number or (one == number and patch is not None)},
        "<=": {one for one in every if one <= number},
        "<": {one for one in every if one < number or (one == number and patch not in {None, "0"})},
    }[operator]
