import os
import pty
import re
import subprocess
import sys
from collections.abc import Generator

import pytest

from ds_ec2.console.progress import show_steps
from ds_ec2.model.steps import Step, StepState


def steps() -> Generator[Step, None, str]:
    yield Step("network", "network stack", StepState.RUNNING, "AWS::EC2::VPC")
    yield Step("network", "network stack", StepState.RUNNING, "AWS::EC2::Subnet")
    yield Step("network", "network stack", StepState.DONE, elapsed_s=12.34)
    yield Step("machine", "machine stack", StepState.FAILED, "no capacity")
    return "result"


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_steps(steps()) == "result"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        ". network stack",
        "+ network stack (12.3 s)",
        "x machine stack: no capacity",
    ]


def test_ctrl_c_closes_the_operation() -> None:
    ended = []

    def interrupted() -> Generator[Step, None, None]:
        try:
            yield Step("a", "a", StepState.RUNNING)
            raise KeyboardInterrupt
        finally:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        show_steps(interrupted())
    assert ended == [True]


def on_a_terminal(steps: str, **environment: str) -> str:
    """Return what a terminal shows of steps that a program yields."""
    leader, follower = pty.openpty()
    code = (
        "from ds_ec2.console.progress import show_steps; from ds_ec2.model.steps import Step, StepState\n"
        f"def s():\n{steps}\nshow_steps(s())"
    )
    told = os.environ | {"TERM": "xterm"} | environment
    with subprocess.Popen([sys.executable, "-c", code], stderr=follower, env=told) as run:
        os.close(follower)
        chunks = []
        try:
            while chunk := os.read(leader, 4096):
                chunks.append(chunk)
        except OSError:  # Linux says EIO when the last writer has gone
            pass
        finally:
            os.close(leader)
    assert run.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", b"".join(chunks).decode())


def test_a_terminal_gets_one_line_a_step_with_a_clock() -> None:
    text = on_a_terminal(
        "    yield Step('a', 'network stack', StepState.RUNNING)\n"
        "    yield Step('a', 'network stack', StepState.DONE, 'made', 3.0)\n"
    )
    assert "✓ network stack" in text
    assert "3.0 s" in text


def test_what_has_ended_moves_up_so_that_what_runs_is_seen() -> None:
    text = on_a_terminal(
        "    import time\n"
        "    for number in range(30):\n"
        "        yield Step(f'{number}', f'try {number}', StepState.RUNNING)\n"
        "        time.sleep(0.5 if number == 25 else 0)\n"
        "        yield Step(f'{number}', f'try {number}', StepState.FAILED, 'sold out')\n",
        LINES="12",
        COLUMNS="60",
    )
    assert re.search(r"[⠁-⣿] try 25 ", text)
    assert [number for number in range(30) if f"✗ try {number} " not in text] == []
