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


def test_a_terminal_gets_one_line_a_step_with_a_clock() -> None:
    leader, follower = pty.openpty()
    code = (
        "from ds_ec2.console.progress import show_steps; from ds_ec2.model.steps import Step, StepState\n"
        "def s():\n"
        "    yield Step('a', 'network stack', StepState.RUNNING)\n"
        "    yield Step('a', 'network stack', StepState.DONE, 'made', 3.0)\n"
        "show_steps(s())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=follower, env=os.environ | {"TERM": "xterm"}
    ) as run:
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
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", b"".join(chunks).decode())
    assert "✓ network stack" in text
    assert "3.0 s" in text
