"""What an instance cannot do to this host, and to another instance."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.instances.conftest import World


@pytest.fixture(scope="module")
def instance(world: World) -> str:
    return world.launch("true")


def test_the_hosts_home_is_not_seen(world: World, instance: str, tmp_path: Path) -> None:
    secret = tmp_path / "credentials"
    secret.write_text("secret")
    assert world.run(instance, f"cat {secret}")[0] != 0
    names = set(world.output(instance, f"ls -A {Path.home()} 2>/dev/null || true").split())
    # The way to the interpreter may lie there, and nothing else.
    assert names <= {".bashrc", ".profile", ".pyenv", ".local"}
    assert world.run(instance, f"ls {Path.home()}/.aws {Path.home()}/.ssh/id_* {Path.cwd()}")[0] != 0


def test_what_is_written_stays_inside(world: World, instance: str) -> None:
    name = f"/opt/{secrets.token_hex(8)}"
    world.output(instance, f"touch {name} && mkdir /mine")
    assert not Path(name).exists()
    assert not Path("/mine").exists()


@pytest.mark.parametrize(
    "attack",
    [
        "touch /usr/written",
        "mount -o remount,rw,bind /usr && touch /usr/written",
        "echo x > /proc/sys/kernel/hostname",
        "umount /proc/sys",
        "umount -l /proc && mount -t proc proc /proc",
        "mount -t proc proc /mnt",
        "mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk",
        "echo h > /proc/sysrq-trigger",
        "touch /sys/written",
        "touch /volumes/written",
        "kill -9 1 && sleep 0.2 && false",
        "dmesg --clear",
        "reboot -f",
    ],
)
def test_root_inside_cannot(world: World, instance: str, attack: str) -> None:
    if attack == "reboot -f":
        attack = "/usr/sbin/reboot -f"  # the host's own command, if there is one
    status, _, errors = world.run(instance, attack)
    assert status != 0, attack
    assert errors or "kill" in attack
    assert world.sandboxes.state(instance) == "running"


def test_other_processes_are_not_seen(world: World, instance: str) -> None:
    seen = world.output(instance, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert "pytest" not in seen


def test_the_hosts_environment_is_not_handed_on(
    world: World, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    identity = world.launch("env")
    assert "hunter2" not in world.console(identity)
    assert "hunter2" not in world.output(instance, "tr '\\0' '\\n' < /proc/1/environ")


def test_no_secret_of_etc_is_copied(world: World, instance: str) -> None:
    hidden = [path for path in Path("/etc").iterdir() if path.is_file() and not path.stat().st_mode & 0o004]
    copied = [path for path in hidden if world.run(instance, f"test -e {path}")[0] == 0]
    assert {path.name for path in copied} <= {"shadow", "sudoers"}  # written anew
    hosts = Path("/etc/shadow").read_text() if os.access("/etc/shadow", os.R_OK) else "no"
    assert world.output(instance, "cat /etc/shadow") != hosts.strip()
    assert world.run(instance, "grep -v ':\\*:' /etc/shadow")[0] == 1


def test_two_instances_do_not_see_each_other(networked: World) -> None:
    first = networked.launch("(cd /srv && touch mark && python3 -m http.server 9000) &", wait=False)
    second = networked.launch("true")
    address = networked.sandboxes._entries[first].machine.spec.private_ip
    fetch = "curl -s -o /dev/null --retry 20 --retry-connrefused --retry-delay 1 http://{}:9000/mark"
    assert networked.run(first, fetch.format("127.0.0.1"))[0] == 0
    assert networked.run(second, f"curl -s -m 1 http://{address}:9000/mark")[0] != 0
    assert networked.run(second, "curl -s -m 1 http://127.0.0.1:9000/mark")[0] != 0
    assert networked.run(second, "test -e /srv/mark")[0] != 0
    assert networked.output(second, "hostname") != networked.output(first, "hostname")


def test_the_platform_is_described(world: World, instance: str) -> None:
    platform = json.loads(world.output(instance, "cat /etc/ds-ec2/platform.json"))
    assert platform["prefix"] == ""
    assert platform["supervisor"] == "child"
    assert platform["user"] == "ec2-user"
    assert platform["aws_endpoint"] == f"http://127.0.0.1:{world.api_port}"
    assert platform["volumes_root"] == "/volumes"
    assert platform["os_packages"] is False
    assert world.output(instance, f"{platform['python']} -c 'import venv, ensurepip; print(1)'") == "1"


def test_the_path_has_a_python_that_makes_environments(several_users: World) -> None:
    identity = several_users.launch("true")
    command = "python3 -m venv ~/env && ~/env/bin/pip --version && ~/env/bin/python -c 'import ssl'"
    assert "pip" in several_users.output(identity, command, user="ec2-user")
