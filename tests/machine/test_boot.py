from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from tests.machine.conftest import SETTINGS
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machine.conftest import Machine

STAGES = ["booted", "disks", "network", "jupyter", "environment", "ready"]


def http(machine: Machine, path: str, *, method: str = "GET", **headers: str) -> tuple[int, Any]:
    """Ask JupyterLab."""
    request = urllib.request.Request(f"http://{machine.address}:8888{path}", method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


def authorized(machine: Machine) -> dict[str, str]:
    return {"Authorization": f"token {machine.result('token')['token']}"}


def in_a_notebook(machine: Machine, code: str) -> str:
    """Run code in a new default kernel, and return what it printed or the error."""
    headers = authorized(machine)
    _, kernel = http(machine, "/api/kernels", method="POST", **headers)
    message = {
        "header": {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False},
        "channel": "shell",
    }
    said = ""
    url = f"ws://{machine.address}:8888/api/kernels/{kernel['id']}/channels"
    with connect(url, additional_headers=headers, max_size=None) as channel:
        channel.send(json.dumps(message))
        while True:
            answer = json.loads(channel.recv(timeout=30))
            content = answer["content"]
            said += content.get("text", "") + content.get("evalue", "")
            mine = answer["parent_header"].get("msg_id") == message["header"]["msg_id"]  # type: ignore[index]
            if mine and content.get("execution_state") == "idle":
                break
    http(machine, f"/api/kernels/{kernel['id']}", method="DELETE", **headers)
    return str(said)


def test_every_stage_is_done_in_order(booted: Machine) -> None:
    status = booted.result("status")
    assert [(stage["name"], stage["state"]) for stage in status["stages"]] == [
        (name, "done") for name in STAGES
    ]
    assert all(stage["seconds"] >= 0 and stage["error"] == "" for stage in status["stages"])


def test_the_status_parameter_says_the_same(booted: Machine) -> None:
    written = booted.aws.written[-1]
    assert written["Name"] == booted.aws.path("status")
    assert written["Overwrite"] is True
    told = json.loads(written["Value"])
    assert [stage["name"] for stage in told["stages"]] == STAGES
    assert told["boot"]


def test_the_stack_hears_once_that_the_machine_can_be_reached(booted: Machine) -> None:
    assert booted.aws.signals == [
        {"Status": "SUCCESS", "UniqueId": "i-0123456789abcdef0", "Data": "reachable", "Reason": ""}
    ]


def test_jupyterlab_wants_its_token(booted: Machine) -> None:
    assert http(booted, "/api/status")[0] == 403
    assert http(booted, "/api/status", **authorized(booted))[0] == 200
    assert http(booted, "/api/status", Authorization="token wrong")[0] == 403


def test_jupyterlab_answers_to_its_own_names_alone(booted: Machine) -> None:
    headers = authorized(booted)
    assert http(booted, "/api/status", Host="localhost:50123", **headers)[0] == 200
    assert http(booted, "/api/status", Host="attacker.example", **headers)[0] == 403


def test_the_token_is_the_users_secret(booted: Machine) -> None:
    path = booted.file("/var/lib/ds-ec2/jupyter-token")
    assert path.stat().st_mode & 0o777 == 0o600
    token = path.read_text()
    for log in booted.file("/var/log/ds-ec2/x").parent.iterdir():
        assert token not in log.read_text()


def test_a_notebook_sees_the_packages_of_both_indexes(booted: Machine) -> None:
    code = "import os, six, tinytool, pip; print(six.__name__, tinytool.ANSWER, os.getcwd())"
    assert in_a_notebook(booted, code) == f"six 42 {booted.root}/volume/work\n"


def test_the_articles_own_way_works_in_a_login_shell(booted: Machine) -> None:
    script = (
        f". {booted.root}/etc/profile.d/ds-ec2.sh; jupyter-lab --version;"
        " python -c 'import tinytool, sys; print(sys.prefix)'"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    version, prefix = done.stdout.split()
    assert int(version.split(".")[0]) >= 4
    assert prefix == f"{booted.root}/data/ds-ec2/env"
    path = {"PATH": f"{booted.root}/usr/local/bin:/usr/bin:/bin"}  # of a command that ssh runs
    ask = ["env", "python", "-c", "import tinytool, sys; print(sys.prefix)"]
    assert subprocess.run(ask, capture_output=True, text=True, check=True, env=path).stdout == prefix + "\n"


def test_it_boots_again_by_itself(booted: Machine) -> None:
    line = booted.file("/etc/rc.local").read_text().splitlines()[1]
    assert f"DS_EC2_PLATFORM={booted.platform_file}" in line
    assert line.endswith(str(booted.loader))


def test_a_second_boot_is_quick_and_changes_nothing(booted: Machine) -> None:
    before = booted.result("status")
    server = http(booted, "/api/status", **authorized(booted))[1]["started"]
    began = time.monotonic()
    outcome = booted.boot()
    assert outcome.returncode == 0, outcome.stdout
    assert time.monotonic() - began < 10
    after = booted.result("status")
    assert after["boot"] != before["boot"]
    assert [stage["state"] for stage in after["stages"]] == ["done"] * len(STAGES)
    assert http(booted, "/api/status", **authorized(booted))[1]["started"] == server
    assert len(booted.aws.signals) == 1
    assert booted.file("/etc/rc.local").read_text().count("loader.py") == 1


@pytest.fixture
def impossible_package(booted: Machine) -> Iterator[str]:
    leaf = booted.aws.path("packages")
    before = booted.aws.parameters[leaf]
    booted.aws.parameters[leaf] = "six\ntinytool==99\n"
    yield "tinytool==99"
    booted.aws.parameters[leaf] = before


def test_a_package_that_cannot_be_had_is_a_failed_stage_on_a_machine_that_stays(
    booted: Machine, impossible_package: str
) -> None:
    assert booted.boot().returncode == 1
    stages = booted.stages()
    assert stages["environment"]["state"] == "failed"
    assert impossible_package in stages["environment"]["error"]
    assert "unsatisfiable" in stages["environment"]["error"]
    assert stages["jupyter"]["state"] == "done"
    assert (stages["ready"]["state"], stages["ready"]["error"]) == ("failed", "failed before: environment")
    assert http(booted, "/api/status", **authorized(booted))[0] == 200
    assert in_a_notebook(booted, "import tinytool; print(tinytool.ANSWER)") == "42\n"
    told = json.loads(booted.aws.written[-1]["Value"])
    assert impossible_package in told["stages"][-2]["error"]
    assert len(booted.aws.signals) == 1


def test_jupyterlab_comes_back_when_it_is_killed(booted: Machine) -> None:
    headers = authorized(booted)
    before = http(booted, "/api/status", **headers)[1]["started"]
    [server] = booted.processes("jupyterlab.labapp")
    os.kill(server, signal.SIGKILL)
    until = time.monotonic() + 20
    after = before
    while after == before and time.monotonic() < until:
        time.sleep(0.2)
        try:
            after = http(booted, "/api/status", **headers)[1]["started"]
        except OSError:
            continue
    assert after > before


def test_uv_comes_from_the_data_volume_unless_only_half_of_it_is_there(booted: Machine) -> None:
    program = booted.file("/opt/ds-ec2/uv/bin/uv")
    [kept] = booted.file("/data/ds-ec2/cache/x").parent.glob("uv-*.whl")
    whole = kept.read_bytes()
    for found, fetched in ((whole, 0), (whole[:-1000], 1), (b"", 1)):
        kept.write_bytes(found)
        program.unlink()
        log = booted.file("/var/log/ds-ec2/jupyter.log")
        log.unlink()
        outcome = booted.boot()
        assert outcome.returncode == 0, outcome.stdout
        assert log.read_text().count("-m pip download") == fetched
        assert kept.read_bytes() == whole
        assert subprocess.run([program, "--version"], capture_output=True, check=True).stdout


def test_what_uvs_cache_holds_is_there_before_jupyterlab(machine: Machine) -> None:
    aws = machine.aws
    aws.publish_package()
    aws.publish_wheel("tinytool", "ANSWER = 42\n")
    aws.parameters[aws.path("settings")] = json.dumps(SETTINGS)
    aws.parameters[aws.path("packages")] = "tinytool\n"
    log, index = machine.file("/var/log/ds-ec2/environment.log"), dict(aws.files)
    for there, installed in ((index, True), ({}, False), (index, True)):
        aws.files = there
        outcome = machine.boot()
        assert outcome.returncode == 0, outcome.stdout
        assert ("pip install" in log.read_text()) == installed
        folder = machine.file("/data/ds-ec2/env").resolve()
        subprocess.run([folder / "bin/python", "-c", "import jupyterlab, tinytool"], check=True)
        assert machine.result("environment")["finished"]
        assert not (folder / "lib/late.pyc").exists()
        for compiler in machine.processes("compileall"):
            os.kill(compiler, signal.SIGKILL)
        if not installed:
            machine.forget_cached("tinytool")
        log.unlink()
        shutil.rmtree(folder)
        (folder / "lib").mkdir(parents=True)
        (folder / "lib/late.pyc").write_text("compiled while it was removed: half is no obstacle")


def test_a_machine_without_its_volume_fails_the_stack(machine: Machine) -> None:
    machine.aws.publish_package()
    machine.aws.parameters[machine.aws.path("settings")] = json.dumps({"data_volume_id": "vol-1"})
    machine.aws.parameters[machine.aws.path("packages")] = "#"
    machine.file("/data/precious").write_text("not to be hidden")
    assert machine.boot().returncode == 1
    [told] = machine.aws.signals
    assert told["Status"] == "FAILURE"
    assert told["Reason"].startswith("disks: ")
    stages = json.loads(machine.file("/var/lib/ds-ec2/status.json").read_text())["stages"]
    assert [(stage["name"], stage["state"]) for stage in stages] == [("booted", "done"), ("disks", "failed")]
