"""Volumes: host folders that come and go while an instance runs."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from ds_ec2_local.instances.sandbox import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.instances.conftest import World


def test_a_volume_attached_late_is_what_user_data_waited_for(world: World, tmp_path: Path) -> None:
    script = "while ! test -e /volumes/vol-1; do sleep 0.05; done; echo written > /volumes/vol-1/file"
    identity = world.launch(script, wait=False)
    world.wait_until(lambda: "running the user data" in world.console(identity))
    assert world.output(identity, "ls /volumes") == ""
    world.sandboxes.attach(identity, "vol-1", tmp_path)
    world.wait_until(lambda: "cloud-init: finished" in world.console(identity))
    assert (tmp_path / "file").read_text() == "written\n"


def test_volumes_are_there_from_the_first_process_on(world: World, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("data")
    identity = world.launch("cat /volumes/vol-2/kept", volumes={"vol-2": tmp_path})
    assert "data" in world.console(identity)
    platform = json.loads(world.output(identity, "cat /etc/ds-ec2/platform.json"))
    assert platform["volumes"] == {"vol-2": "/volumes/vol-2"}


def test_a_volume_can_be_detached_in_use_and_attached_again(world: World, tmp_path: Path) -> None:
    identity = world.launch("sleep 100 < /volumes/vol-3 &", wait=False, volumes={"vol-3": tmp_path})
    world.wait_until(lambda: "finished" in world.console(identity))
    world.sandboxes.detach(identity, "vol-3")
    assert world.output(identity, "ls -A /volumes") == ""
    with pytest.raises(SandboxError):
        world.sandboxes.detach(identity, "vol-3")
    world.sandboxes.attach(identity, "vol-3", tmp_path)
    with pytest.raises(SandboxError, match="attached already"):
        world.sandboxes.attach(identity, "vol-3", tmp_path)
    world.output(identity, "touch /volumes/vol-3/again")
    assert (tmp_path / "again").exists()


def test_a_machine_that_reboots_itself_has_the_volume_that_came_late(world: World, tmp_path: Path) -> None:
    script = "printf '#!/bin/sh\\nls /volumes/vol-6\\n' >/etc/rc.local; chmod 755 /etc/rc.local"
    identity = world.launch(script)
    world.sandboxes.attach(identity, "vol-6", tmp_path)
    (tmp_path / "there").touch()
    world.output(identity, "systemctl reboot")
    world.wait_until(lambda: world.restarted(identity, 1))
    assert "there" in world.console(identity)


def test_a_volume_outlives_its_instance(world: World, tmp_path: Path) -> None:
    identity = world.launch("touch /volumes/vol-4/file", volumes={"vol-4": tmp_path})
    world.sandboxes.terminate(identity)
    assert (tmp_path / "file").exists()


def test_a_volume_that_is_not_there_is_an_error(world: World, tmp_path: Path) -> None:
    identity = world.launch("true")
    with pytest.raises(SandboxError, match="No such file"):
        world.sandboxes.attach(identity, "vol-5", tmp_path / "none")
    assert world.run(identity, "test -e /volumes/vol-5")[0] != 0
    (tmp_path / "none").mkdir()
    world.sandboxes.attach(identity, "vol-5", tmp_path / "none")
    shutil.rmtree(tmp_path / "none")
