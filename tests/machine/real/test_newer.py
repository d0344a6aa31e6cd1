"""A newer cloud-init, on a distribution with another user and another Python."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.machine.real.guest import ANSWERS

from ds_ec2_local.instances.booted.image import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.machine.real.guest import Cloud

pytestmark = [pytest.mark.local, pytest.mark.slow, pytest.mark.timeout(600)]


def test_debian_13_and_the_user_ubuntu_reach_jupyterlab(cloud_of: Callable[[Recipe], Cloud]) -> None:
    guest = cloud_of(Recipe("trixie", "ubuntu")).up("newer")
    assert {stage["state"] for stage in guest.wait_ready().values()} == {"done"}
    version = guest.run("cloud-init --version 2>&1 | grep -o '[0-9]*\\.[0-9]*' | head -1")
    assert tuple(int(part) for part in version.split(".")) >= (25, 1)
    assert guest.run("cloud-init status --wait").endswith("status: done")
    assert json.loads(guest.run("cat /run/cloud-init/result.json"))["v1"]["errors"] == []
    assert "going on with /usr/bin/python3.13" in guest.log("ds-ec2/jupyter.log")
    pid = guest.run("systemctl show -P MainPID ds-ec2-jupyter")
    assert guest.run(f"ps -o user= -p {pid}") == "ubuntu"
    assert guest.run(ANSWERS) == "200"
