"""Boots of real instances: user data once, files that stay, ends from inside and outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ds_ec2_local.instances.sandbox import InstanceSpec, SandboxError

if TYPE_CHECKING:
    from tests.local.instances.conftest import Make, World

    from ds_ec2_local.instances.isolation import Isolation

# Leaves a script for the later boots that counts them.
KEEP = """
echo first >> /var/lib/boots
printf '#!/bin/sh\\necho later >> /var/lib/boots\\n' > /etc/rc.local
chmod +x /etc/rc.local
"""


def test_user_data_runs_as_root_in_the_root_folder_without_a_home(world: World) -> None:
    identity = world.launch('echo "$(id -u) $PWD ${HOME-none}"')
    assert "\n0 / none\n" in world.console(identity)


def test_a_failing_script_says_its_exit_status_on_the_console(world: World) -> None:
    identity = world.launch("exit 5")
    assert "part-001 ended with exit status 5" in world.console(identity)


def test_the_console_is_cloud_inits_log_inside(world: World) -> None:
    identity = world.launch("echo seen from both sides")
    assert "seen from both sides" in world.output(identity, "cat /var/log/cloud-init-output.log")


def test_a_reboot_keeps_files_and_runs_rc_local_alone(world: World) -> None:
    identity = world.launch(KEEP)
    world.sandboxes.reboot(identity)
    world.wait_until(lambda: world.restarted(identity, 1))
    assert world.output(identity, "cat /var/lib/boots").split() == ["first", "later"]


def test_stop_and_start_keep_files(world: World) -> None:
    identity = world.launch(KEEP)
    world.sandboxes.stop(identity)
    assert world.sandboxes.state(identity) == "stopped"
    assert not world.sandboxes.guest_socket(identity).exists()
    spec = InstanceSpec(identity, "ami-1", "10.0.9.9", "us-east-1", first_boot=False, way_out=False)
    world.sandboxes.start(spec)
    world.wait_until(lambda: world.restarted(identity, 1))
    assert world.output(identity, "cat /var/lib/boots").split() == ["first", "later"]
    assert world.output(identity, "hostname") == "ip-10-0-9-9"


def test_tmp_is_empty_after_a_boot(world: World) -> None:
    identity = world.launch("touch /tmp/gone")
    world.sandboxes.reboot(identity)
    assert world.output(identity, "ls -A /tmp") == ""


@pytest.mark.parametrize(
    "command",
    ["poweroff", "shutdown -h now", "halt", "systemctl poweroff", "echo idle > /run/ec2-local/power"],
)
def test_an_instance_can_end_itself(world: World, command: str) -> None:
    identity = world.launch(f"{command}\nsleep 60", wait=False)
    world.wait_until(lambda: (identity, "stopped") in world.exits)
    assert world.sandboxes.state(identity) == "stopped"


def test_an_instance_can_reboot_itself(world: World) -> None:
    identity = world.launch(KEEP + "reboot")
    world.wait_until(lambda: world.restarted(identity, 1))
    assert identity not in dict(world.exits)


def test_an_instance_whose_first_process_dies_has_crashed(world: World) -> None:
    identity = world.launch("true")
    world.sandboxes._entries[identity].machine.keeper().kill()
    world.wait_until(lambda: (identity, "crashed") in world.exits)


def test_a_stop_ends_what_ignores_it(world: World) -> None:
    identity = world.launch("trap '' TERM; touch /ready; while :; do sleep 1; done", wait=False)
    world.wait_until(lambda: world.run(identity, "test -e /ready")[0] == 0)
    world.sandboxes.stop(identity)
    assert world.sandboxes.state(identity) == "stopped"
    assert identity not in dict(world.exits)


def test_terminate_deletes_the_root_volume(world: World) -> None:
    identity = world.launch("true")
    world.sandboxes.terminate(identity)
    assert world.sandboxes.state(identity) == "absent"
    assert not (world.state / "instances" / identity).exists()


def test_what_runs_is_not_started_again(world: World) -> None:
    identity = world.launch("true")
    spec = world.sandboxes._entries[identity].machine.spec
    with pytest.raises(SandboxError, match="is running"):
        world.sandboxes.start(spec)


def test_what_does_not_run_is_not_changed(world: World) -> None:
    with pytest.raises(SandboxError, match="not running"):
        world.sandboxes.reboot("i-none")


def test_a_deep_state_folder_still_has_sockets(
    make: Make, allowed: Isolation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if allowed.kind != "namespaces":
        pytest.skip(allowed.reason)
    deep = tmp_path_factory.mktemp("deep") / ("x" * 90)
    with make(deep, allowed) as world:
        identity = world.launch("true")
        short = world.sandboxes.guest_socket(identity)
        assert world.output(identity, "echo reached") == "reached"
        assert short.parent.stat().st_mode & 0o777 == 0o700
    assert not short.parent.exists()
