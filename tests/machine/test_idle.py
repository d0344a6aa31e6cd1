from __future__ import annotations

import json
import os
import pty
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from ds_ec2_machine import signals
from ds_ec2_machine.idle import Verdict, judge, limited
from ds_ec2_machine.platform import Platform
from ds_ec2_machine.signals import Reading, Sampler, kernels_busy

if TYPE_CHECKING:
    from tests.machine.conftest import Machine

QUIET = [Reading("cpu", False, "0.00 cores"), Reading("kernels", False, "no kernel")]
BUSY = [QUIET[0], Reading("kernels", True, "1 of 1 busy")]
NOW = 1_700_000_000.0
LONG_AGO = "2023-11-14T10:00:00.000000Z"
JUST_NOW = "2023-11-14T22:13:10.123456Z"
NOBODY = "nobody"
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can run processes as another account")


def test_the_stop_comes_after_the_limit_and_not_before() -> None:
    first = judge(QUIET, None, 1000.0, 600.0)
    assert (first.quiet_since, first.left_s, first.stop) == (1000.0, 600.0, False)
    later = judge(QUIET, first.quiet_since, 1599.0, 600.0)
    assert (later.left_s, later.stop) == (1.0, False)
    last = judge(QUIET, later.quiet_since, 1601.0, 600.0)
    assert last.stop
    assert last.why == "idle for 10 minutes"


def test_one_busy_signal_holds_and_the_time_begins_anew() -> None:
    held = judge(BUSY, 1000.0, 5000.0, 600.0)
    assert (held.quiet_since, held.left_s, held.stop) == (None, None, False)
    assert held.why == "held by kernels (1 of 1 busy)"
    assert judge(QUIET, held.quiet_since, 5030.0, 600.0).left_s == 600.0


@pytest.mark.parametrize(
    ("verdict", "left_s", "expected"),
    [
        (Verdict(None, None, "held by cpu"), None, (None, "held by cpu")),
        (
            Verdict(None, None, "held by cpu"),
            50.0,
            (50.0, "held by cpu; its maximum of 8 minutes ends first"),
        ),
        (Verdict(1.0, 20.0, "quiet"), 50.0, (20.0, "quiet")),
        (Verdict(1.0, 50.0, "quiet"), 20.0, (20.0, "quiet; its maximum of 8 minutes ends first")),
        (Verdict(None, None, "held by keep"), -3.0, (0.0, "its maximum of 8 minutes was over")),
    ],
)
def test_a_maximum_spares_nobody_and_the_earlier_stop_counts(
    verdict: Verdict, left_s: float | None, expected: tuple[float | None, str]
) -> None:
    found = limited(verdict, left_s, 8)
    assert (found.left_s, found.why) == expected
    assert found.stop is (expected[0] == 0.0)


def test_zero_minutes_never_stop() -> None:
    verdict = judge(QUIET, 0.0, 1e9, 0.0)
    assert not verdict.stop
    assert "off" in verdict.why


@pytest.mark.parametrize(
    ("state", "last", "busy"),
    [
        ("busy", LONG_AGO, True),  # a long silent cell
        ("idle", JUST_NOW, True),
        ("idle", LONG_AGO, False),
        ("starting", LONG_AGO, False),  # made by REST, never used
    ],
)
def test_a_kernel_is_judged_by_state_and_activity(state: str, last: str, *, busy: bool) -> None:
    assert kernels_busy([{"execution_state": state, "last_activity": last}], NOW)[0] is busy


def test_one_busy_kernel_among_idle_ones_holds() -> None:
    kernels = [{"execution_state": state, "last_activity": LONG_AGO} for state in ("idle", "busy", "idle")]
    assert kernels_busy(kernels, NOW)[0] is True
    assert kernels_busy([], NOW) == (False, "no kernel")


def test_the_watch_of_a_booted_machine_sees_its_signals(booted: Machine) -> None:
    done = booted.python(
        "import json; from ds_ec2_machine import platform, signals",
        "sampler = signals.Sampler(platform.Platform())",
        "print(json.dumps({one.name: [one.busy, one.value] for one in sampler.read()}))",
    )
    readings = json.loads(done.stdout)
    assert set(readings) == {
        "boot",
        "cpu",
        "gpu",
        "network",
        "kernels",
        "terminals",
        "typing",
        "keep",
    }
    assert readings["boot"][0] is True, "it has just begun"
    assert readings["kernels"] == [False, "no kernel"]
    assert readings["keep"] == [False, "not asked for"]


def watch(machine: Machine, *, minutes: str = "0.01", warn_s: float = 600, alarm_s: int = 2) -> None:
    settings = {"name": "work", "idle_minutes": minutes}
    machine.file("/var/lib/ds-ec2/settings.json").write_text(json.dumps(settings))
    # Whatever else this computer does is none of the machine's.
    machine.file("/etc/ds-ec2/idle.json").write_text('{"cpu": 1000, "terminals": 1000, "network": 10000000}')
    done = machine.python(
        f"import signal; signal.alarm({alarm_s})",
        "from ds_ec2_machine import idle; from ds_ec2_machine.platform import Platform",
        f"idle.watch(Platform(), pause_s=0.2, grace_s=0.5, warn_s={warn_s})",
    )
    assert done.returncode in {0, -14}, done.stdout


def nobodys(machine: Machine) -> Machine:
    """Have a machine whose user is an account that runs nothing here."""
    machine.platform_file.write_text(json.dumps({**machine.seams, "user": NOBODY}))
    return machine


def test_a_quiet_machine_stops_itself_and_says_why(machine: Machine) -> None:
    watch(nobodys(machine))
    assert (machine.root / "stopped").exists()
    log = machine.file("/var/log/ds-ec2/idle.log").read_text().splitlines()
    assert "held by boot" in log[0]
    assert log[-1].endswith("idle for 0 minutes")
    document = json.loads(machine.aws.written[-1]["Value"])
    assert document["stopped"]["why"] == "idle for 0 minutes"
    assert abs(document["stopped"]["at"] - time.time()) < 60
    told = document["idle"]
    assert told["why"] == "idle for 0 minutes"
    signals = {one["name"]: one for one in told["signals"]}
    assert signals["keep"]["busy"] is False
    assert signals["keep"]["quiet_since"] <= signals["boot"]["quiet_since"] <= time.time()


def test_a_machine_that_is_held_awake_runs_on(machine: Machine) -> None:
    machine.file("/var/lib/ds-ec2/keep-awake").write_text(f"{time.time() + 600:.0f}\n")
    watch(nobodys(machine))
    assert not (machine.root / "stopped").exists()
    found = json.loads(machine.file("/var/lib/ds-ec2/idle.json").read_text())
    assert found["why"].startswith("held by keep (for 59")
    assert found["quiet_since"] is None


def test_a_machine_whose_stop_is_off_runs_on(machine: Machine) -> None:
    watch(nobodys(machine), minutes="0")
    assert not (machine.root / "stopped").exists()


@needs_root
def test_a_process_of_the_user_is_seen_and_one_in_a_terminal_apart(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobodys(machine)
    monkeypatch.setenv("DS_EC2_PLATFORM", str(machine.platform_file))
    platform = Platform()
    # This computer's own people may be busy.
    monkeypatch.setattr(signals, "_PEOPLE", range(0))
    spin = ["/usr/bin/python3", "-c", "while True: pass"]

    def readings() -> dict[str, bool]:
        sampler = Sampler(platform)
        time.sleep(0.5)
        return {one.name: one.busy for one in sampler.read()}

    before = readings()
    assert (before["cpu"], before["terminals"]) == (False, False)
    plain = subprocess.Popen(spin, start_new_session=True, **platform.as_user())
    try:
        during = readings()
    finally:
        plain.kill()
        plain.wait()
    assert (during["cpu"], during["terminals"]) == (True, False)
    pid, terminal = pty.fork()
    if pid == 0:
        os.setgid(platform.account.gid)
        os.setuid(platform.account.uid)
        os.execv(spin[0], spin)  # noqa: S606 - the child of a terminal
    try:
        during = readings()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    assert (during["cpu"], during["terminals"]) == (True, True)


def notice(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        machine.file("/opt/ds-ec2/labextensions/ds-ec2/static/notice.json").read_text()
    )
    return found


def test_people_are_told_before_the_stop(machine: Machine) -> None:
    leader, follower = pty.openpty()
    path = machine.file(f"/pts/{os.ttyname(follower).rsplit('/', 1)[-1]}")
    path.symlink_to(os.ttyname(follower))
    os.utime(path, (1.0, 1.0))
    watch(machine, minutes="0.02", alarm_s=10)
    assert (machine.root / "stopped").exists(), machine.file("/var/lib/ds-ec2/idle.json").read_text()
    told = os.read(leader, 4096).decode()
    assert told.count("*** This machine stops at") == 1
    assert "UTC, in 1 min: nobody uses it" in told
    assert "ds-ec2 keep work 2h" in told
    assert "{time}" in notice(machine)["text"]
    for end in (leader, follower):
        os.close(end)


def test_the_word_is_taken_back_when_something_holds_the_machine(machine: Machine) -> None:
    nobodys(machine)
    keep = machine.file("/var/lib/ds-ec2/keep-awake")
    process = threading.Thread(target=watch, args=(machine,), kwargs={"minutes": "0.3", "alarm_s": 8})
    process.start()
    file = machine.file("/opt/ds-ec2/labextensions/ds-ec2/static/notice.json")
    until = time.monotonic() + 8
    while not file.exists() or not notice(machine):
        assert time.monotonic() < until
        time.sleep(0.05)
    keep.write_text(f"{time.time() + 600:.0f}\n")
    while notice(machine):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.join()
    assert not (machine.root / "stopped").exists()


def test_the_maximum_of_its_tag_stops_a_machine_that_is_held(machine: Machine) -> None:
    machine.file("/var/lib/ds-ec2/keep-awake").write_text(f"{time.time() + 6000:.0f}\n")
    stages = [{"name": "booted", "state": "done", "started_at": time.time() - 3600, "error": ""}]
    machine.file("/var/lib/ds-ec2/status.json").write_text(json.dumps({"boot": "b", "stages": stages}))
    machine.aws.metadata["tags/instance/ds-ec2:max-minutes"] = "61"
    watch(nobodys(machine))
    assert not (machine.root / "stopped").exists()
    assert "its maximum ends" in notice(machine)["text"]
    machine.aws.metadata["tags/instance/ds-ec2:max-minutes"] = "60"
    watch(machine)
    assert (machine.root / "stopped").exists()
    document = json.loads(machine.aws.written[-1]["Value"])
    assert document["stopped"]["why"] == "its maximum of 60 minutes was over"


def test_a_full_disk_keeps_no_machine_running(machine: Machine) -> None:
    """No byte can be written: neither the sample, nor the log, nor the notice, nor why it stops."""
    nobodys(machine)
    machine.file("/var/lib/ds-ec2/settings.json").write_text('{"idle_minutes": "0.01"}')
    machine.file("/etc/ds-ec2/idle.json").write_text('{"cpu": 1000, "terminals": 1000, "network": 10000000}')
    done = machine.python(
        "import resource, signal; signal.alarm(20); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
        "from ds_ec2_machine import idle; from ds_ec2_machine.platform import Platform",
        "idle.watch(Platform(), pause_s=0.2, grace_s=0.5)",
    )
    # It goes as far as the platform's own way to stop, which here is a file.
    assert "platform.stop()" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("OSError: [Errno 27]")
    assert list(machine.root.glob(".stopped.*"))
