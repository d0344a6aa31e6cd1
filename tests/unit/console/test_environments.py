from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.console import environments
from ds_ec2.console.progress import show_steps
from ds_ec2.model.environment import Difference, EnvironmentPlan, EnvironmentResult, EnvironmentState
from ds_ec2.model.machine import Machine, MachineStatus
from ds_ec2.model.steps import Step, StepState

if TYPE_CHECKING:
    from collections.abc import Generator

    import pytest

WORK = Machine(
    "work", "ana", "us-east-1", "us-east-1a", MachineStatus.RUNNING, "i-1", "t", "s", "c", "ds-ec2"
)
SOME = Difference({"polars": "1.0"}, {"six": "1.17"}, {"numpy": ("2.1", "2.2")}, 90)


def test_a_plan_says_what_comes_goes_and_changes() -> None:
    plan = EnvironmentPlan(WORK, "list.txt", "", "", difference=SOME, python=("3.11.7", "3.12"))
    assert environments.environment_plan(plan).splitlines() == [
        "work: list.txt",
        "  python 3.11.7 -> 3.12",
        "  + polars  1.0",
        "  - six     1.17",
        "  ~ numpy   2.1 -> 2.2",
        "  1 added, 1 removed, 1 changed, 90 unchanged",
    ]


def test_a_plan_that_does_nothing_says_so() -> None:
    nothing = Difference({}, {}, {}, 90)
    plan = EnvironmentPlan(
        WORK, "x", "", "", difference=nothing, same=True, kept=True, python=("3.12.3", "3.12")
    )
    assert environments.environment_plan(plan) == "work: x\n  already in force"


def test_a_machine_that_rests_is_told_of() -> None:
    assert "the next start applies it" in environments.environment_result(
        EnvironmentResult("work", None, None)
    )
    assert environments.environment_result(EnvironmentResult("work", SOME, 3.21)).startswith(
        "work has it (3.2 s)."
    )


def test_what_is_in_force_is_listed_with_how_the_last_apply_went() -> None:
    state = EnvironmentState(
        machine="work",
        finished=True,
        kind="requirements",
        sha256="abcdef0123456789",
        document="six",
        python="3.12.3",
        applied_at=0.0,
        packages={"six": "1.17"},
        apply_state="failed",
        apply_error="no solution",
        stack_differs=True,
    )
    shown = environments.environment_state(state)
    assert "requirements abcdef012345" in shown
    assert "1970-01-01 00:00:00 UTC" in shown
    assert "failed: no solution" in shown
    assert "ds-ec2 env apply" in shown
    assert shown.splitlines()[-1].split() == ["six", "1.17"]


def test_lines_of_the_machines_log_are_shown_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    def steps() -> Generator[Step, None, None]:
        yield Step("log", "Resolved 3 packages", StepState.LOG)
        yield Step("log", "Installed 3 packages", StepState.LOG)

    show_steps(steps())
    assert capsys.readouterr().err == "  Resolved 3 packages\n  Installed 3 packages\n"
