"""One machine through its life: first boot, reboot, stop, start. Real systemd, cloud-init and JupyterLab."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest
from tests.machine.real.guest import ANSWERS

from ds_ec2_machine import supervisor

if TYPE_CHECKING:
    from tests.machine.real.guest import Cloud, Guest

pytestmark = [pytest.mark.local, pytest.mark.slow, pytest.mark.timeout(600)]

SIGNALLED = "sudo stat -c %y /var/lib/ds-ec2/signalled"
"""Prints when the stack was told last that the machine can be reached."""
STAGES = ["booted", "disks", "network", "jupyter", "environment", "ready"]


def installs(guest: Guest) -> str:
    """How often something was installed, over all boots: what uv says, and how often uv itself was."""
    return guest.run("sudo cat /var/log/ds-ec2/*.log | grep -cE '^Installed |installing uv'")


def test_the_first_boot_ends_with_all_stages_done(guest: Guest) -> None:
    stages = guest.wait_ready()
    assert [(name, stage["state"]) for name, stage in stages.items()] == [(name, "done") for name in STAGES]


def test_cloud_init_took_all_of_it_from_the_metadata_service(guest: Guest) -> None:
    told = json.loads(guest.run("sudo cat /run/cloud-init/instance-data-sensitive.json"))
    assert told["v1"]["instance_id"] == guest.facts()["instance_id"]
    assert (told["v1"]["platform"], told["v1"]["region"]) == ("ec2", "us-east-1")
    metadata = told["ds"]["meta-data"]
    assert metadata["tags"]["instance"]["ds-ec2:name"] == "work"
    assert told["ds"]["dynamic"]["instance-identity"]["document"]["instanceId"] == told["v1"]["instance_id"]
    assert guest.run("hostname") == metadata["local-hostname"].partition(".")[0]
    assert "exec python3 /opt/ds-ec2/loader.py" in guest.run("sudo cloud-init query userdata")
    log = guest.run("sudo grep -c 'Fetching Ec2 IMDSv2 API Token' /var/log/cloud-init.log")
    assert int(log) > 0


def test_cloud_init_and_systemd_find_no_fault(guest: Guest) -> None:
    assert guest.run("cloud-init status --wait").endswith("status: done")
    result = json.loads(guest.run("cat /run/cloud-init/result.json"))
    assert result["v1"]["errors"] == []
    assert guest.run("systemctl is-system-running --wait") == "running"


def test_services_are_units_and_jupyterlab_is_the_users(guest: Guest) -> None:
    active = guest.run("systemctl is-active ds-ec2-control ds-ec2-idle ds-ec2-jupyter").split()
    assert active == ["active"] * 3
    pid = guest.run("systemctl show -P MainPID ds-ec2-jupyter")
    assert guest.run(f"ps -o user= -p {pid}") == "ec2-user"
    assert guest.run(ANSWERS) == "200"
    assert guest.run("sudo stat -c '%U %a' /var/lib/ds-ec2/jupyter-token") == "ec2-user 600"
    assert (
        guest.run("sudo test -e /etc/ds-ec2/platform.json && sudo cat /etc/ds-ec2/platform.json").count(":")
        == 3
    )


def test_systemd_has_nothing_to_say_of_the_units_and_reads_their_variables(guest: Guest) -> None:
    assert "world-inaccessible" not in guest.run("sudo journalctl -b --no-pager")
    value = "v \"w\" $x ${HOME} 5% \\ `z` 'q' #"
    text = supervisor._variables(supervisor.Service("x", [], {"KEY": value, "NEXT": "1"}))
    guest.run(f"printf %s {shlex.quote(text)} >/tmp/x.env")
    print_it = "printenv KEY NEXT"
    said = guest.run(f"sudo systemd-run --pipe --wait --quiet -p EnvironmentFile=/tmp/x.env {print_it}")
    assert said.splitlines() == [value, "1"]


def test_the_data_volume_is_a_disk_of_its_size(guest: Guest) -> None:
    source, kind, size = guest.run("findmnt -no SOURCE,FSTYPE,SIZE /data").split()
    label = guest.run(f"sudo blkid -s LABEL -o value {source}")
    assert (source, kind, label) == ("/dev/nvme1n1", "ext4", "ds-ec2-data")
    assert size.startswith("1.9")


AGENT = """[Service]
ExecStart=/bin/sh -c "cat /proc/uptime >>/var/log/agent-starts; exec sleep infinity"
[Install]
WantedBy=multi-user.target
"""
"""Stands for Session Manager's agent: it records its starts."""


def test_a_reboot_from_inside_brings_jupyterlab_back_by_itself(guest: Guest) -> None:
    unit = "/etc/systemd/system/amazon-ssm-agent.service"
    guest.run(f"printf '%s' '{AGENT}' | sudo tee {unit} >/dev/null; sudo systemctl enable amazon-ssm-agent")
    before, token, done = (
        guest.status()["boot"],
        guest.run("sudo cat /var/lib/ds-ec2/jupyter-token"),
        installs(guest),
    )
    guest.run("sudo reboot", ok=False)
    stages = guest.wait_ready(after=before)
    assert {stage["state"] for stage in stages.values()} == {"done"}
    assert guest.run(ANSWERS) == "200"
    assert guest.run("sudo cat /var/lib/ds-ec2/jupyter-token") == token
    assert installs(guest) == done
    assert guest.run("systemctl list-units --failed --no-legend") == ""
    # By systemd, and again once there was a way out.
    assert len(guest.log("agent-starts").splitlines()) == 2


def test_stop_and_start_keep_everything(cloud: Cloud, guest: Guest) -> None:
    guest.run("sudo -u ec2-user sh -c 'echo kept >/data/work/note.txt'")
    before, done, signalled = guest.status()["boot"], installs(guest), guest.run(SIGNALLED)
    cloud.ds_ec2("stop", "work")
    assert guest.facts()["status"] == "stopped"
    cloud.ds_ec2("start", "work")
    stages = guest.wait_ready(after=before)
    assert {stage["state"] for stage in stages.values()} == {"done"}
    assert guest.run("cat /data/work/note.txt") == "kept"
    assert guest.run(ANSWERS) == "200"
    assert installs(guest) == done
    assert len(guest.log("agent-starts").splitlines()) == 4
    assert guest.run(SIGNALLED) == signalled
