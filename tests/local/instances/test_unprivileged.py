"""Instances of a user who is not root, in user namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src"
NOBODY = "65534"
SCRIPT = """
import json, sys, time
sys.path.insert(0, {source!r})
from pathlib import Path
from ds_ec2_local.instances.sandbox import InstanceSpec, Sandboxes

state = Path({state!r})
sandboxes = Sandboxes(state, "http://127.0.0.1:9", lambda spec: {{}}, lambda *told: None)
told = {{"isolation": sandboxes.isolation, "reason": sandboxes.reason}}
if sandboxes.isolation == "namespaces":
    data = b"#!/bin/sh\\nid -u; id -u ec2-user; touch /etc/mine /usr/mine; cat /volumes/vol-1/data"
    (state / "volume").mkdir()
    (state / "volume/data").write_text("the volume")
    spec = InstanceSpec("i-1", "ami-1", "10.0.0.4", "us-east-1", data, way_out=False,
                        volumes={{"vol-1": state / "volume"}})
    sandboxes.start(spec)
    while b"finished" not in sandboxes.console_output("i-1"):
        time.sleep(0.05)
    told["console"] = sandboxes.console_output("i-1").decode()
    told["mine"] = (state / "instances/i-1/root/etc/mine").exists()
    sandboxes.terminate("i-1")
    told["left"] = [str(path) for path in (state / "instances").iterdir()]
sandboxes.close()
print(json.dumps(told))
"""


def interpreter() -> str:
    """Return a Python 3.11 that everybody may run."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        code = "import sys; sys.exit(sys.version_info < (3, 11))"
        if Path(path).exists() and subprocess.run([path, "-c", code], check=False).returncode == 0:
            return path
    pytest.skip("no Python 3.11 in a place that everybody may read")


def test_user_data_runs_in_an_unprivileged_namespace() -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can try it as somebody else")
    python = interpreter()
    state = Path(tempfile.mkdtemp(prefix="un-"))  # pytest's folders are closed to others
    try:
        os.chown(state, int(NOBODY), int(NOBODY))
        code = SCRIPT.format(source=str(SOURCE), state=str(state))
        words = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", python, "-B", "-c", code]
        run = subprocess.run(
            words, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.defpath}, cwd="/"
        )
        if "ModuleNotFoundError" in run.stderr:
            pytest.skip("others may not read this checkout")
        assert run.returncode == 0, run.stderr
    finally:
        shutil.rmtree(state)
    told = json.loads(run.stdout)
    if told["isolation"] != "namespaces":
        pytest.skip(f"no unprivileged namespaces: {told['reason']}")
    assert "0\n0\n" in told["console"]
    assert "'/usr/mine': Read-only file system" in told["console"]
    assert "the volume" in told["console"]
    assert told["mine"] is True
    assert told["left"] == []
