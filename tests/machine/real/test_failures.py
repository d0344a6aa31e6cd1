"""One machine through what goes wrong: no way out, a power cut, a wrong package, an old disk, a full one.

The tests follow each other: each finds the machine as the one before has left it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from tests.machine.real.guest import ANSWERS, Guest, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machine.real.guest import Cloud

pytestmark = [pytest.mark.local, pytest.mark.slow, pytest.mark.timeout(600)]

CLOSED_S = 120.0
"""How long the way out stays closed: some twenty of the loader's tries."""
NO_PACKAGE = "no-such-package-of-anybody-0f1e2d"


@pytest.fixture(scope="module")
def network(guest: Guest) -> Cloud:
    """A network whose way out is up, for the shared machine runs on it."""
    return guest.cloud


@pytest.fixture(scope="module")
def unlucky(network: Cloud) -> Iterator[Guest]:
    """A machine whose way out is closed at its first boot; its list names no package that there is."""
    listed = network.state.parent / "broken.txt"
    listed.write_text(f"{NO_PACKAGE}\n")
    words = ("up", "unlucky", "--packages", str(listed), "--data-gib", "2", "--yes")
    guest = Guest(network, "unlucky")
    with contextlib.ExitStack() as stack:
        with network.way_out_closed():
            up = stack.enter_context(network.ds_ec2.start(*words))
            stack.callback(up.send_signal, signal.SIGINT)
            wait_for("the loader", lambda: "; waiting" in _log(guest, "cloud-init-output.log"))
            time.sleep(CLOSED_S)
        yield guest


def _log(guest: Guest, name: str) -> str:
    with contextlib.suppress(StopIteration):  # the machine is not listed yet
        return guest.log(name)
    return ""


def test_the_loader_waits_for_a_way_out_that_comes_later(unlucky: Guest) -> None:
    assert "cannot fetch the machine's code" in unlucky.log("cloud-init-output.log")
    wait_for("the network stage", lambda: "network" in stages(unlucky))
    wait_for("its end", lambda: stages(unlucky)["network"]["state"] == "done")


def test_a_power_cut_during_the_install_is_made_good_by_the_next_boot(unlucky: Guest) -> None:
    wait_for("the install", lambda: "uv pip install" in unlucky.log("ds-ec2/jupyter.log"))
    before = unlucky.status()["boot"]
    unlucky.cut_power()
    assert "jupyter" in stages(unlucky)
    unlucky.cloud.ds_ec2("start", "unlucky", ok=False)  # the list still names no package
    found = unlucky.wait_ready(after=before)
    assert [found[name]["state"] for name in ("disks", "network", "jupyter")] == ["done"] * 3
    assert unlucky.run(ANSWERS) == "200"


def test_a_package_that_is_none_is_a_failed_stage_on_a_machine_that_stays(unlucky: Guest) -> None:
    found = unlucky.wait_ready()
    assert (found["environment"]["state"], found["ready"]["state"]) == ("failed", "failed")
    assert NO_PACKAGE in found["environment"]["error"]
    assert NO_PACKAGE in unlucky.cloud.ds_ec2("logs", "unlucky", "--stage", "environment").stdout
    assert unlucky.facts()["status"] == "running"


def test_without_network_the_loader_runs_the_copy_of_the_last_boot(unlucky: Guest) -> None:
    # Forty-five seconds for the loader's patience are forty more of the same.
    unlucky.run("sudo sed -i 's/^LATER_WAIT_S = 45.0$/LATER_WAIT_S = 5.0/' /opt/ds-ec2/loader.py")
    unlucky.cloud.ds_ec2("stop", "unlucky")
    before, starts = unlucky.status()["boot"], _starts(unlucky)
    with unlucky.cloud.way_out_closed():
        with contextlib.closing(unlucky.cloud.client("ec2")) as ec2:
            ec2.start_instances(InstanceIds=[unlucky.facts()["instance_id"]])
        # The loader gives up, and the stage that needs the way out waits on.
        wait_for("the copy", lambda: unlucky.status()["boot"] != before and "network" in stages(unlucky))
        wait_for("the stage", lambda: "waiting for the way out: " in unlucky.log("ds-ec2/network.log"))
        assert stages(unlucky)["network"]["state"] == "running"
        assert stages(unlucky)["disks"]["state"] == "done"
        assert "running the copy of the last boot" in unlucky.journal("ds-ec2-boot")
        # JupyterLab needs nothing from outside: its log has one more start than at the boot before.
        wait_for("JupyterLab", lambda: _starts(unlucky) > starts)
        assert stages(unlucky)["network"]["state"] == "running"
    unlucky.wait_ready(after=before)
    assert stages(unlucky)["network"]["state"] == "done"


def _starts(guest: Guest) -> int:
    """How often JupyterLab has come up."""
    return guest.log("ds-ec2/service-jupyter.log").count("is running at:")


def test_an_old_file_system_on_the_data_volume_is_kept_mounted_and_grown(
    unlucky: Guest, tmp_path: Path
) -> None:
    cloud = unlucky.cloud
    set_packages(unlucky, "six\n")
    cloud.ds_ec2("stop", "unlucky")
    # XFS, for it may be grown by any root: for ext4 the kernel wants CAP_SYS_RESOURCE, which containers lack.
    command = ["mkfs.xfs", "-q", "-f", "-L", "elsewhere", "-d", "size=1g", str(disk(unlucky))]
    subprocess.run(command, check=True)
    subprocess.run(["mount", "-o", "loop", str(disk(unlucky)), str(tmp_path)], check=True)
    try:
        (tmp_path / "work").mkdir()
        (tmp_path / "work/thesis.txt").write_text("ten years\n")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    before = unlucky.status()["boot"]
    cloud.ds_ec2("start", "unlucky")
    found = unlucky.wait_ready(after=before)
    assert {stage["state"] for stage in found.values()} == {"done"}
    assert unlucky.run("cat /data/work/thesis.txt") == "ten years"
    assert unlucky.run("sudo blkid -s LABEL -o value $(findmnt -no SOURCE /data)") == "elsewhere"
    assert mebibytes(unlucky, "size") > 1800
    assert unlucky.run("grep -c ' /data ' /etc/fstab") == "1"


def test_a_full_disk_is_a_failed_stage_on_a_machine_that_can_be_reached(unlucky: Guest) -> None:
    set_packages(unlucky, "numpy\n")
    sizes = " ".join(str(1 << power) for power in range(11, 1, -1))
    unlucky.run(f"for n in {sizes}; do sudo fallocate -l ${{n}}M /data/full-$n; done; true")
    assert mebibytes(unlucky, "avail") < 64
    before = unlucky.status()["boot"]
    unlucky.run("sudo systemctl restart --no-block ds-ec2-boot")
    found = unlucky.wait_ready(after=before)
    assert found["environment"]["state"] == "failed"
    assert "No space left on device" in found["environment"]["error"]
    assert unlucky.run(ANSWERS) == "200"


EARLY = """[Unit]
Before=ds-ec2-boot.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c "until mount LABEL=elsewhere /data; do sleep 0.2; done"
[Install]
WantedBy=multi-user.target
"""
"""What fstab does where udev tells systemd of disks, which it does not in a container."""


def test_a_larger_volume_has_room_and_the_next_boot_finishes(unlucky: Guest) -> None:
    unlucky.run(f"printf '%s' '{EARLY}' | sudo tee /etc/systemd/system/early.service >/dev/null")
    unlucky.run("sudo systemctl enable early")
    with contextlib.closing(unlucky.cloud.client("ec2")) as ec2:
        ec2.modify_volume(VolumeId=disk(unlucky).parent.name, Size=3)
    before = unlucky.status()["boot"]
    unlucky.run("sudo reboot", ok=False)
    found = unlucky.wait_ready(after=before)
    assert {stage["state"] for stage in found.values()} == {"done"}
    assert mebibytes(unlucky, "size") > 2700
    assert unlucky.run("/data/ds-ec2/env/bin/python -c 'import numpy; print(1)'") == "1"
    assert unlucky.run("cat /data/work/thesis.txt") == "ten years"


def mebibytes(guest: Guest, column: str) -> int:
    """What df says of the data volume."""
    return int(guest.run(f"df --output={column} -BM /data | tail -1").strip("M "))


def set_packages(guest: Guest, text: str) -> None:
    """Change a machine's list; it reads it at the next run of its bootstrap."""
    with contextlib.closing(guest.cloud.client("ssm")) as ssm:
        name = f"/ds-ec2/{guest.facts()['stack']}/packages"
        ssm.put_parameter(Name=name, Value=text, Overwrite=True)


def disk(guest: Guest) -> Path:
    """The file that is a machine's data volume."""
    with contextlib.closing(guest.cloud.client("ec2")) as ec2:
        attached = [{"Name": "attachment.instance-id", "Values": [guest.facts()["instance_id"]]}]
        volumes = ec2.describe_volumes(Filters=attached)["Volumes"]
    (data,) = [str(one["VolumeId"]) for one in volumes if one["Attachments"][0]["Device"] == "/dev/sdf"]
    return guest.cloud.state / "volumes" / data / "disk"


def stages(guest: Guest) -> dict[str, dict[str, str]]:
    """The stages so far, by name."""
    return {stage["name"]: stage for stage in guest.status().get("stages", ())}
