"""The idle stop where it is for real: systemd's poweroff, a person's terminal, and the word that is left."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest
from tests.machine.real.guest import wait_for

if TYPE_CHECKING:
    from tests.machine.real.guest import Cloud, Guest

pytestmark = [pytest.mark.local, pytest.mark.slow, pytest.mark.timeout(600)]
# The watch as it is, with 15 seconds for an hour and one second for half a minute.
WATCH = (
    "import sys; sys.path.insert(0, '/opt/ds-ec2/machine.pyz');"
    "from ds_ec2_machine import idle, platform, signals; signals.RECENT_S = 3;"
    "idle.watch(platform.Platform(), pause_s=1, grace_s=1, warn_s=600)"
)
THRESHOLDS = '{"minutes": 0.25, "cpu": 0.5, "network": 1000000}'


def test_an_idle_machine_powers_itself_off_warns_before_and_is_asked_why(cloud: Cloud, guest: Guest) -> None:
    guest.wait_ready()
    before = guest.status()["boot"]
    guest.run("sudo systemctl stop ds-ec2-idle")
    guest.run(f"echo {shlex.quote(THRESHOLDS)} | sudo tee /etc/ds-ec2/idle.json")
    # A terminal that keeps what it was shown on the data volume.
    guest.run(
        "sudo -u ec2-user setsid script -qfc 'sleep 900' /data/work/seen.txt >/dev/null 2>&1 </dev/null &"
    )
    guest.run(f"sudo systemd-run --unit quick-watch python3 -c {shlex.quote(WATCH)}")
    wait_for("the stop", lambda: guest.facts()["status"] == "stopped", 180)
    (machine,) = (one for one in json.loads(cloud.ds_ec2("ls", "--json").stdout) if one["name"] == "work")
    assert machine["stopped"]["why"] == "idle for 0 minutes"

    started = cloud.ds_ec2("start", "work")
    assert "it stopped: idle for 0 minutes at " in started.stderr
    guest.wait_ready(after=before)
    seen = guest.run("cat /data/work/seen.txt")
    assert seen.count("*** This machine stops at") == 1
    assert "nobody uses it. To keep it, run something, or on your computer: ds-ec2 keep work 2h" in seen
    guest.run("sudo rm /etc/ds-ec2/idle.json")
