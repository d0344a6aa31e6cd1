"""A server that is killed takes its instances with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ec2_local.instances import orphans

if TYPE_CHECKING:
    from tests.local.instances.conftest import World

SOURCE = Path(__file__).parents[3] / "src"
SERVER = """
import sys, time
sys.path.insert(0, {source!r})
from pathlib import Path
from ds_ec2_local.instances.sandbox import InstanceSpec, Sandboxes

sandboxes = Sandboxes(Path({state!r}), "http://127.0.0.1:9", lambda spec: {{}}, lambda *told: None)
data = b"#!/bin/sh\\n# platform: prefix-aware\\n(setsid sleep {mark} &)\\n"
sandboxes.start(InstanceSpec("i-1", "ami-1", "10.0.0.4", "us-east-1", data))
print("up", flush=True)
time.sleep(600)
"""


def running(mark: str) -> list[str]:
    """Return the processes whose arguments hold a mark."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = file.read_bytes()
        except OSError:
            continue
        if mark.encode() in text and int(file.parent.name) != os.getpid():
            found.append(file.parent.name)
    return found


def test_nothing_is_left_of_a_killed_server(world: World, tmp_path: Path) -> None:
    mark = f"98765{os.getpid()}"
    code = SERVER.format(source=str(SOURCE), state=str(tmp_path), mark=mark)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "up\n"
            pid = (tmp_path / "instances/i-1/launcher.pid").read_text().strip()
            # The server, and the process inside.
            world.wait_until(lambda: len(running(mark)) >= 2)
        finally:
            server.send_signal(signal.SIGKILL)
    world.wait_until(lambda: not running(mark) and not Path("/proc", pid).exists())
    assert running(str(tmp_path)) == []


def test_a_launcher_that_hangs_is_killed_by_the_next_server(tmp_path: Path) -> None:
    (tmp_path / "i-2").mkdir()
    words = "import time; print(flush=True); time.sleep(600)  # ds_ec2_local.instances.launch"
    with subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        (tmp_path / "i-2/launcher.pid").write_text(f"{process.pid}\n")
        assert orphans.kill(tmp_path) == ["i-2"]
        assert process.wait(5) == -signal.SIGKILL


def test_a_process_that_has_got_the_id_since_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "i-3").mkdir()
    with subprocess.Popen(["sleep", "600"]) as process:
        (tmp_path / "i-3/launcher.pid").write_text(f"{process.pid}\n")
        assert orphans.kill(tmp_path) == []
        assert process.poll() is None
        process.kill()
