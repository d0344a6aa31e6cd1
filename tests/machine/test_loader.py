from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from tests.machine.conftest import zipped

if TYPE_CHECKING:
    from tests.machine.conftest import Aws, Machine

HELLO = zipped({"__main__.py": "import sys; print('the new code runs', sys.argv[1])"})
OLD = zipped({"__main__.py": "import sys; print('the old code runs', sys.argv[1])"})


def load(machine: Machine) -> tuple[int, str]:
    """Run the loader's own text with less patience."""
    shorter = f"import runpy; module = runpy.run_path({str(machine.loader)!r}); main = module['main']\n"
    shorter += "main.__globals__.update(FIRST_WAIT_S=1.5, LATER_WAIT_S=0.5, PAUSE_S=0.2); main()"
    outcome = machine.run(sys.executable, "-c", shorter)
    return outcome.returncode, outcome.stdout


def test_the_code_is_fetched_with_signed_calls_and_run(machine: Machine, aws: Aws) -> None:
    aws.publish(HELLO)
    outcome = machine.boot()
    assert (outcome.returncode, outcome.stdout) == (0, "the new code runs boot\n")
    assert machine.file("/opt/ds-ec2/machine.pyz").read_bytes() == HELLO
    assert aws.calls == ["GetParameters", "GetParameters"]


def test_code_of_more_parts_than_one_call_returns_is_put_together(machine: Machine, aws: Aws) -> None:
    padding = os.urandom(36_000).hex()
    aws.publish(zipped({"__main__.py": "print('the new code runs')", "padding": padding}))
    assert len(aws.parameters) > 11
    assert machine.boot().stdout == "the new code runs\n"
    assert aws.calls == ["GetParameters"] * 3


def test_new_code_replaces_the_copy(machine: Machine, aws: Aws) -> None:
    machine.file("/opt/ds-ec2/machine.pyz").write_bytes(OLD)
    aws.publish(HELLO)
    assert machine.boot().stdout == "the new code runs boot\n"


def test_credentials_may_come_late(machine: Machine, aws: Aws) -> None:
    aws.publish(HELLO)
    aws.credentials_come_after = 2
    status, output = load(machine)
    assert status == 0
    assert output.splitlines()[-1] == "the new code runs boot"
    assert "404" in output
    assert "waiting" in output


def test_code_with_another_hash_is_not_run_and_fails_the_stack(machine: Machine, aws: Aws) -> None:
    aws.publish(HELLO, sha256="0" * 64)
    status, output = load(machine)
    assert status == 1
    assert "code runs" not in output
    assert not machine.file("/opt/ds-ec2/machine.pyz").exists()
    [signal] = aws.signals
    assert signal["Status"] == "FAILURE"
    assert signal["UniqueId"] == "i-0123456789abcdef0"
    assert "0" * 64 in signal["Reason"]


def test_code_with_another_hash_leaves_the_copy(machine: Machine, aws: Aws) -> None:
    machine.file("/opt/ds-ec2/machine.pyz").write_bytes(OLD)
    aws.publish(HELLO, sha256="0" * 64)
    assert load(machine)[1].splitlines()[-1] == "the old code runs boot"


def test_without_a_way_out_the_copy_runs(machine: Machine, aws: Aws) -> None:
    machine.file("/opt/ds-ec2/machine.pyz").write_bytes(OLD)
    aws.close()
    status, output = load(machine)
    assert status == 0
    assert "Connection refused" in output
    assert output.splitlines()[-1] == "the old code runs boot"


@pytest.mark.parametrize("way", ["none", "file"])
def test_a_failure_takes_the_road_that_the_platform_names(machine: Machine, aws: Aws, way: str) -> None:
    target = machine.root / "signalled.json"
    machine.seams["signal"] = way if way == "none" else f"file:{target}"
    machine.platform_file.write_text(json.dumps(machine.seams))
    status, output = load(machine)
    assert status == 1
    assert "KeyError" in output, "the stack has no code parameter"
    assert aws.signals == []
    assert target.exists() == (way == "file")
