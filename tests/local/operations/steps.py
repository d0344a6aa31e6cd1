"""Operations, run as a program does that shows no progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.model.steps import Step

T = TypeVar("T")


def done(steps: Generator[Step, None, T]) -> T:
    """Run an operation to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
