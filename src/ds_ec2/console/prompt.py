"""Asks, where there is somebody to answer."""

from __future__ import annotations

import sys
from typing import TypeVar

from ds_ec2.errors import DsEc2Error

T = TypeVar("T")


def confirm(question: str, *, hint: str) -> bool:
    """Ask a yes/no question on standard error; no answer means no.

    Args:
        question: Without a question mark at the end of the options: `Make it?`.
        hint: The command that needs no answer, for a run without a terminal.

    Raises:
        DsEc2Error: Nobody can answer: standard input is no terminal.
    """
    return choose(
        f"{question} [y/N]", {"y": True, "yes": True, "n": False, "no": False, "": False}, hint=hint
    )


def choose(question: str, answers: dict[str, T], *, hint: str) -> T:
    """Ask until one of `answers` (lower case) is given; an empty key is the default."""
    if not sys.stdin.isatty():
        raise DsEc2Error(
            f"{question.split(' [', maxsplit=1)[0]} Nobody is here to answer",
            why="standard input is no terminal",
            hint=hint,
        )
    while True:
        sys.stderr.write(f"{question} ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise KeyboardInterrupt
        answer = line.strip().lower()
        if answer in answers:
            return answers[answer]
        sys.stderr.write(f"Please answer one of: {', '.join(key for key in answers if key)}\n")
