"""Packages changed on a machine that really boots: a unit of systemd, `ec2-user`, a disk of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.machine.real.guest import Cloud, Guest


def test_an_apply_is_a_unit_and_its_files_are_the_users(cloud: Cloud, guest: Guest) -> None:
    made = cloud.ds_ec2("env", "apply", guest.name, "six", "toolz", "--yes", "--json")
    assert "toolz" in json.loads(made.stdout)["difference"]["added"]
    assert "toolz==" in made.stderr
    assert guest.run("python -c 'import toolz, sys; print(sys.prefix)'").strip() == "/data/ds-ec2/env"
    assert guest.run("stat -c %U $(readlink -f /data/ds-ec2/env)/bin/python").strip() == "ec2-user"
    assert "ds-ec2-apply-" in guest.run("sudo -n journalctl --no-pager -u 'ds-ec2-apply-*'")
    state = json.loads(cloud.ds_ec2("env", "show", guest.name, "--json").stdout)
    assert (state["apply_state"], state["stack_differs"]) == ("done", False)


def test_the_control_road_may_be_restarted_while_it_runs(cloud: Cloud, guest: Guest) -> None:
    with cloud.ds_ec2.start(
        "env", "apply", guest.name, "six", "toolz", "sortedcontainers", "--yes"
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if "$ " in line:
                break
        guest.run("sudo -n systemctl restart ds-ec2-control.service")
        process.communicate(timeout=120)
    again = cloud.ds_ec2("env", "apply", guest.name, "six", "toolz", "sortedcontainers", "--yes")
    assert "sortedcontainers" in cloud.ds_ec2("env", "show", guest.name).stdout, again.stderr
