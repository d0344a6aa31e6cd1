"""Ctrl-C at any moment of `up` and of `down`: the next command goes on from what is there."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.interruptions.conftest import Desk, Moment

pytestmark = pytest.mark.local

UP = ("up", "--yes", "--instance-type", "t3.micro")
DOWN = ("down", "work", "--yes", "--data", "delete")
CALLS_OF_UP, CALLS_OF_DOWN = 120, 90
"""A little more than each command makes, those of CloudFormation on its behalf included."""


def chain(desk: Desk, during_up: Moment, during_down: Moment) -> None:
    """Break off an `up`, finish it; break off a `down`, finish it; then look."""
    desk.interrupted(during_up, *UP)
    up = desk(*UP)
    assert up.returncode == 0 or "work exists already" in up.stderr, up.stderr
    assert desk("ls").stdout == "work\n"
    desk.interrupted(during_down, *DOWN)
    down = desk(*DOWN)
    assert down.returncode == 0 or "there is no machine work" in down.stderr, down.stderr
    assert desk.left() == []


@pytest.mark.parametrize(
    ("during_up", "during_down"),
    [
        (3, 5),  # while the plan is read
        ("+ network stack", ". remove machine stack"),
        (". data stack", ". remove data stack"),
        (". machine stack", ". look for anything left"),
        ("+ machine stack", "+ remove machine stack"),
        ("+ disks", 1),
        (60, 20),
    ],
)
def test_the_next_command_finishes_what_was_broken_off(
    desk: Desk, during_up: Moment, during_down: Moment
) -> None:
    chain(desk, during_up, during_down)


def test_what_an_interrupted_up_left_can_be_removed_at_once(desk: Desk) -> None:
    desk.interrupted(". machine stack", *UP)
    assert desk(*DOWN).returncode == 0
    assert desk.left() == []


def test_an_interrupted_network_is_finished_and_removed(desk: Desk) -> None:
    desk("network", "down", "--yes")
    desk.interrupted(". network stack", *UP)
    assert desk("network", "up", "--yes").returncode == 0
    assert desk.left() == []
    desk.interrupted(". remove network stack", "network", "down", "--yes")
    again = desk("network", "down", "--yes")
    assert again.returncode == 0 or "there is no network" in again.stderr, again.stderr
    assert desk.stacks() == []


@pytest.mark.timeout(24 * 3600)
def test_ctrl_c_at_random_calls(desk: Desk, soak: int) -> None:
    """Longer, and never twice the same: `make soak`."""
    if not soak:
        pytest.skip("a soak test: make soak")
    dice = random.SystemRandom()
    for number in range(soak):
        during_up, during_down = dice.randint(1, CALLS_OF_UP), dice.randint(1, CALLS_OF_DOWN)
        sys.stdout.write(f"round {number + 1}: Ctrl-C at call {during_up} of up, {during_down} of down\n")
        chain(desk, during_up, during_down)
        if dice.random() < 0.3:
            desk.interrupted(during_down, "network", "down", "--yes")
