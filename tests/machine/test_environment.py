"""Environments: applied beside the one in force, swapped in one rename, refused without harm. One story."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.machine.conftest import packed
from tests.machine.test_boot import authorized, http, in_a_notebook

from ds_ec2_machine import document, environment
from ds_ec2_machine.platform import Platform

if TYPE_CHECKING:
    from tests.machine.conftest import Machine


def link(machine: Machine) -> Path:
    folder = machine.file("/data/ds-ec2")
    return folder / (folder / "env").readlink()


def started(machine: Machine) -> str:
    """Return when JupyterLab was started."""
    return str(http(machine, "/api/status", **authorized(machine))[1]["started"])


def answer(machine: Machine, code: str) -> str:
    """Run code with the environment in force."""
    command = [str(machine.file("/data/ds-ec2/env/bin/python")), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def apply(machine: Machine, document: str) -> dict[str, Any]:
    """Apply a document and return the last answer."""
    return machine.ask("environment-apply", document=document)[-1]


def test_the_first_environment_says_what_it_is(applied: Machine) -> None:
    told = applied.result("environment")
    assert (told["kind"], told["document"], told["finished"]) == ("requirements", "plaintool\ntinytool", True)
    assert told["packages"]["tinytool"] == "1.0"
    assert {"jupyterlab", "ipykernel", "pip", "plaintool"} <= told["packages"].keys()
    assert told["apply"]["state"] == "done"
    assert told["python"].startswith("3.")
    assert link(applied).parent.name == "environments"


def test_applying_what_is_in_force_takes_less_than_a_second(applied: Machine) -> None:
    before = link(applied)
    took: list[float] = []
    while min(took, default=9.0) >= 1 and len(took) < 10:  # others may be at work here
        began = time.monotonic()
        told = apply(applied, "plaintool\ntinytool\n")
        took.append(time.monotonic() - began)
        assert told["ok"], told
    assert link(applied) == before
    assert told["result"]["unchanged"] > 10
    assert (told["result"]["added"], told["result"]["changed"]) == ({}, {})
    assert min(took) < 1, took


def test_the_difference_is_shown_and_then_made(applied: Machine) -> None:
    before = link(applied)
    wish = "tinytool\nsmalltool\n"
    plan = applied.result("environment-plan", document=wish)
    assert (plan["added"], plan["removed"].keys(), plan["same"]) == (
        {"smalltool": "1.0"},
        {"plaintool"},
        False,
    )
    assert plan["changed"] == {}, "what fits stays as it is, though a newer one is there"
    assert link(applied) == before

    *lines, last = applied.ask("environment-apply", document=wish)
    assert last["ok"], last
    assert any("smalltool==1.0" in line.get("line", "") for line in lines)
    assert {key: last["result"][key] for key in ("added", "changed")} == {
        "added": {"smalltool": "1.0"},
        "changed": {},
    }
    assert link(applied) != before
    assert answer(applied, "import smalltool, tinytool; print(smalltool.ANSWER, tinytool.ANSWER)") == "7 42"
    assert applied.result("environment")["document"] == wish.strip()
    assert in_a_notebook(applied, "import smalltool; print(smalltool.ANSWER)") == "7\n"


def test_going_back_is_a_rename(applied: Machine) -> None:
    after = link(applied)
    [first] = {path for path in after.parent.iterdir() if len(path.name) == 16} - {after}
    plan = applied.result("environment-plan", document="plaintool\ntinytool\n")
    assert (plan["kept"], plan["removed"]) == (True, {"smalltool": "1.0"})
    told = apply(applied, "plaintool\ntinytool\n")
    assert told["ok"], told
    assert link(applied) == first
    assert not any("pip install" in line["line"] for line in applied.ask("logs", stage="apply")[-6:-1])


def test_what_cannot_be_resolved_leaves_the_old_one_at_work(applied: Machine) -> None:
    before = link(applied)
    plan = applied.ask("environment-plan", document="tinytool==99\n")[-1]
    assert not plan["ok"]
    assert "tinytool==99" in plan["error"]
    told = apply(applied, "tinytool==99\n")
    assert not told["ok"]
    assert "unsatisfiable" in told["error"]
    assert link(applied) == before
    assert answer(applied, "import plaintool; print(plaintool.ANSWER)") == "1"
    shown = applied.result("environment")
    assert (shown["document"], shown["apply"]["state"]) == ("plaintool\ntinytool", "failed")
    assert "tinytool==99" in shown["apply"]["error"]


def test_lists_beside_each_other_travel_as_an_archive(applied: Machine) -> None:
    files = {
        "lists/main.txt": "-r more/base.txt\n-c pins.txt\nplaintool\n",
        "lists/more/base.txt": "tinytool\n",
        "lists/pins.txt": "tinytool==1.0\n",
    }
    wish = packed(applied.aws, "requirements", "lists/main.txt", files)
    server = started(applied)
    told = apply(applied, wish)
    assert told["ok"], told
    assert started(applied) == server, "nothing that it loads has changed"
    assert answer(applied, "import plaintool, tinytool; print(tinytool.ANSWER)") == "42"
    assert applied.result("environment")["sha256"] == json.loads(wish)["sha256"]


def test_an_archive_with_another_hash_is_refused(applied: Machine) -> None:
    before = link(applied)
    wish = packed(applied.aws, "requirements", "main.txt", {"main.txt": "plaintool\n# changed\n"})
    applied.aws.objects[json.loads(wish)["key"]] = b"something else"
    told = apply(applied, wish)
    assert "SHA-256" in told["error"]
    assert link(applied) == before
    del applied.aws.objects[json.loads(wish)["key"]]
    assert "NoSuchKey" in apply(applied, wish)["error"]


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt"])  # noqa: S108 - to be refused
def test_an_archive_that_reaches_out_of_its_folder_is_refused(applied: Machine, name: str) -> None:
    told = apply(
        applied, packed(applied.aws, "requirements", "main.txt", {"main.txt": "#\n", name: "plaintool\n"})
    )
    assert "has no place" in told["error"]


@pytest.mark.parametrize(
    "document", ['{"kind": "requirements"}', '{"key": ""}', "{", '{"kind":"requirements","main":"x","python":'
    '[],"sha256":"' + "0" * 64 + '","key":"a b"}']
)  # fmt: skip
def test_nonsense_is_no_document(applied: Machine, document: str) -> None:
    for verb in ("environment-plan", "environment-apply"):
        [told] = applied.ask(verb, document=document)
        assert not told["ok"]
        assert "the stack names no" in told["error"]


def test_versions_before_a_release_are_taken_where_the_list_says_so(applied: Machine) -> None:
    applied.aws.publish_wheel("earlytool", "ANSWER = 1\n")
    applied.aws.publish_wheel("earlytool", "ANSWER = 2\n", "2.0rc1")
    assert apply(applied, "earlytool\n")["ok"]
    assert answer(applied, "import earlytool; print(earlytool.ANSWER)") == "1"
    assert apply(applied, "--pre\nearlytool>1.0\n")["ok"]
    assert answer(applied, "import earlytool; print(earlytool.ANSWER)") == "2"


def test_hashes_are_held_to(applied: Machine) -> None:
    right = applied.aws.publish_wheel("hashedtool", "ANSWER = 1\n")
    wrong = apply(applied, f"hashedtool==1.0 --hash=sha256:{'0' * 64}\n")
    assert "hash" in wrong["error"].lower()
    unpinned = apply(applied, f"hashedtool==1.0 --hash=sha256:{right}\nplaintool\n")
    assert "plaintool" in unpinned["error"]
    told = apply(applied, f"hashedtool==1.0 --hash=sha256:{right}\n")
    assert told["ok"], told
    assert answer(applied, "import hashedtool, jupyterlab; print(hashedtool.ANSWER)") == "1"


def test_a_lock_file_is_followed_to_the_letter(applied: Machine, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    text = '[project]\nname = "mine"\nversion = "0"\nrequires-python = ">=3.9"\ndependencies = ["tinytool"]\n'
    (project / "pyproject.toml").write_text(text.replace('"tinytool"', '"tinytool<2"'))
    uv = applied.file("/opt/ds-ec2/uv/bin/uv")
    index = ["--index", f"{applied.aws.url}/simple/", "--index-strategy", "unsafe-best-match"]
    subprocess.run([uv, "lock", "--quiet", *index, "--project", project], check=True, cwd=project)
    lock = (project / "uv.lock").read_text()
    files = {"pyproject.toml": (project / "pyproject.toml").read_text(), "uv.lock": lock}
    told = apply(applied, packed(applied.aws, "pyproject", "pyproject.toml", files))
    assert told["ok"], told
    assert answer(applied, "import tinytool, jupyterlab; print(tinytool.ANSWER)") == "42"

    without = packed(
        applied.aws, "pyproject", "pyproject.toml", {"pyproject.toml": text.replace("mine", "my")}
    )
    assert applied.result("environment-plan", document=without)["changed"] == {}


def test_a_lock_of_what_is_in_force_makes_it_again(applied: Machine) -> None:
    *lines, last = applied.ask("environment-lock")
    assert last["ok"], last
    text = "\n".join(line["line"] for line in lines)
    assert "tinytool==1.0" in text
    assert "--hash=sha256:" in text
    assert "://" not in text
    before = applied.result("environment")["packages"]
    wish = packed(applied.aws, "requirements", "locked.txt", {"locked.txt": text})
    told = apply(applied, wish)
    assert told["ok"], told
    assert applied.result("environment")["packages"] == before


def test_a_kernel_keeps_its_files_and_the_next_one_has_the_new_ones(applied: Machine) -> None:
    headers = authorized(applied)
    applied.aws.publish_wheel("jupyterextra", "ANSWER = 1\n")
    specs = http(applied, "/api/kernelspecs", **headers)[1]
    assert specs["kernelspecs"][specs["default"]]["spec"]["display_name"] == "work (Python)"
    _, kernel = http(applied, "/api/kernels", method="POST", **headers)
    server, old = started(applied), link(applied)
    try:
        told = apply(applied, "tinytool==2.0\njupyterextra\n")
        assert told["ok"], told
        assert link(applied) != old
        assert started(applied) == server, "its kernel would have died"
        assert in_a_notebook(applied, "import tinytool; print(tinytool.ANSWER)") == "43\n"
        assert apply(applied, "tinytool==1.0\njupyterextra\n")["ok"]
        assert (old / "bin/python").exists(), "two later: it is in use"
    finally:
        http(applied, f"/api/kernels/{kernel['id']}", method="DELETE", **headers)


def test_pip_in_a_notebook_installs_into_it(applied: Machine) -> None:
    said = in_a_notebook(applied, "%pip install --quiet --no-deps smalltool")
    assert "ERROR" not in said
    assert applied.result("environment")["packages"]["smalltool"] == "1.0"
    plan = applied.result("environment-plan", document="tinytool==1.0\n# without it\njupyterextra\n")
    assert plan["removed"] == {"smalltool": "1.0"}, "what the document does not name goes with the next apply"


def test_jupyterlab_starts_anew_where_what_it_loads_has_changed(applied: Machine) -> None:
    first = started(applied)
    told = apply(applied, "plaintool\n")
    assert told["ok"], told
    assert started(applied) > first
    [server] = applied.processes("jupyterlab.labapp")
    assert str(link(applied)) in Path(f"/proc/{server}/cmdline").read_text()


def test_one_at_a_time_and_a_lost_connection_ends_nothing(applied: Machine) -> None:
    gate = threading.Event()
    applied.aws.hold("/wheels/smalltool-1.0-py3-none-any.whl", gate)
    applied.forget_cached("smalltool")
    leave = applied.begin("environment-apply", document="smalltool\n")
    try:
        assert json.loads(leave.readline())
        leave.close()
        until = time.monotonic() + 30
        while applied.result("environment")["apply"]["state"] != "running" and time.monotonic() < until:
            time.sleep(0.05)
        other = applied.ask("environment-apply", document="tinytool\n")[-1]
        assert other["error"] == "another environment is being applied"
    finally:
        gate.set()
    told = apply(applied, "smalltool\n")  # follows it
    assert told["ok"], told
    assert applied.result("environment")["document"] == "smalltool"


def test_a_power_cut_in_the_middle_leaves_the_old_one_and_the_next_apply_is_whole(applied: Machine) -> None:
    before = link(applied)
    gate = threading.Event()
    applied.aws.hold("/wheels/tinytool-2.0-py3-none-any.whl", gate)
    applied.forget_cached("tinytool")
    with applied.begin("environment-apply", document="tinytool==2.0\n") as lines:
        for line in lines:
            if "pip install" in line or "pip compile" in line:
                break
        for process in (*applied.processes("machine.pyz\0apply"), *applied.processes("bin/uv\0pip")):
            os.kill(process, signal.SIGKILL)
        gate.set()
        last = json.loads(lines.readlines()[-1])
    assert not last["ok"]
    assert "interrupted" in last["error"]
    assert link(applied) == before
    assert answer(applied, "import smalltool; print(1)") == "1"
    assert applied.result("environment")["apply"]["state"] == "failed"
    told = apply(applied, "tinytool==2.0\n")
    assert told["ok"], told
    assert answer(applied, "import tinytool; print(tinytool.ANSWER)") == "43"


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="only root can mount a small disk")
def test_a_full_disk_leaves_the_old_one(applied: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_EC2_PLATFORM", str(applied.platform_file))
    before, wish = link(applied), "smalltool\nplaintool\n"
    folder = environment.wanted(Platform(), document.parse(wish)).folder
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        told = apply(applied, wish)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert "No space left" in told["error"]
    assert link(applied) == before
    assert applied.result("environment")["apply"]["state"] == "failed"
    told = apply(applied, wish)
    assert told["ok"], told
    assert "smalltool" in applied.result("environment")["packages"]


def test_the_python_is_the_documents_closest_to_the_stacks(
    applied: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DS_EC2_PLATFORM", str(applied.platform_file))
    for pythons, version in (
        ((), "3.11"),
        (("3.9", "3.10"), "3.10"),
        (("3.10", "3.11"), "3.11"),
        (("3.13",), "3.13"),
    ):
        wish = document.parse(packed(applied.aws, "pyproject", "pyproject.toml", {}, *pythons))
        assert environment.wanted(Platform(), wish).python == version


def test_a_machine_of_an_earlier_version_keeps_its_environment(applied: Machine) -> None:
    current = link(applied)
    place = applied.file("/data/ds-ec2/env")
    place.unlink()
    (current / "ds-ec2.json").unlink()
    current.rename(place)
    (place / "of-the-user").touch()
    applied.aws.parameters[applied.aws.path("packages")] = "smalltool\nplaintool\n"
    outcome = applied.boot()
    assert outcome.returncode == 0, outcome.stdout
    assert link(applied) == current
    assert (current / "of-the-user").exists()
    assert applied.result("environment")["finished"]
