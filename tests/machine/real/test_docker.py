"""Docker on a machine that really boots: Debian's package, systemd, images on the data volume."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.machine.real.guest import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machine.real.guest import Cloud, Guest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# No registry of images is asked: this one has one program.
IMAGE = (
    "mkdir -p tiny/bin && cp /bin/busybox tiny/bin/ && tar -c -C tiny bin"
    " | docker import --change 'ENTRYPOINT [\"/bin/busybox\"]' - tiny"
)


@pytest.fixture(scope="module")
def docked(cloud: Cloud) -> Iterator[Guest]:
    """A machine with Docker."""
    guest = cloud.up("docked", "# none\n", "--docker")
    guest.run("sudo -n apt-get install -y -q busybox-static && " + IMAGE)
    yield guest
    cloud.ds_ec2("down", "docked", "--data", "delete", "--yes")


def cpu(guest: Guest) -> dict[str, Any]:
    """Return the processor's signal, as `ds-ec2 idle` has it."""
    told = json.loads(guest.cloud.ds_ec2("idle", guest.name, "--json").stdout)
    found: dict[str, Any] = next(one for one in told["signals"] if one["name"] == "cpu")
    return found


def test_the_user_runs_containers_whose_images_lie_on_the_data_volume(docked: Guest) -> None:
    assert docked.run("docker run --rm tiny echo from a container") == "from a container"
    assert docked.run("docker info --format '{{.DockerRootDir}}'") == "/data/ds-ec2/docker"
    assert {stage["name"]: stage["state"] for stage in docked.status()["stages"]}["docker"] == "done"
    number = docked.run("getent group docker").split(":")[2]
    assert number in docked.run("grep Groups: /proc/$(pgrep -o -f '[j]upyterlab')/status").split()


def test_it_comes_back_with_the_machine(docked: Guest) -> None:
    docked.run("docker run -d --restart always --name busy tiny sh -c 'while :; do :; done'")
    before = docked.status()["boot"]
    docked.run("sudo -n reboot", ok=False)
    docked.wait_ready(after=before)
    assert docked.run("docker ps --format '{{.Names}} {{.Image}}'") == "busy tiny"


def test_work_in_a_container_holds_the_machine(docked: Guest) -> None:
    """It runs as root, which is nobody's account."""
    wait_for("the processor is seen to be busy", lambda: cpu(docked)["busy"], 90)
    docked.run("docker rm -f busy")
