"""Instances without namespaces: folders, and user data only where it promises to stay in its own."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ds_ec2_local.instances.isolation import Isolation, detect
from ds_ec2_local.instances.sandbox import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.instances.conftest import Make, World

AWARE = """# platform: prefix-aware
set -e
mkdir -p "$DS_EC2_PREFIX/opt"
cp "$DS_EC2_PLATFORM" "$DS_EC2_PREFIX/opt/platform.json"
(setsid sleep 600 &)
"""


@pytest.fixture(scope="module")
def directory(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make(tmp_path_factory.mktemp("directory"), Isolation("directory", "", "a test asks for it")) as made:
        yield made


def test_raw_user_data_is_refused_and_nothing_is_left(directory: World) -> None:
    with pytest.raises(SandboxError, match=r"would write to this host: a test asks for it"):
        directory.launch("touch /written")
    assert list((directory.state / "instances").iterdir()) == []


def test_a_mark_far_down_is_no_promise(directory: World) -> None:
    with pytest.raises(SandboxError, match="not run without namespaces"):
        directory.launch("\n" * 20 + "# platform: prefix-aware")


def test_user_data_that_promises_is_run_with_its_prefix(directory: World) -> None:
    identity = directory.launch(AWARE)
    root = directory.state / "instances" / identity / "root"
    platform = json.loads((root / "opt/platform.json").read_text())
    assert platform["prefix"] == str(root)
    assert platform["bind_address"].startswith("127.")
    assert platform["bind_address"] == directory.sandboxes.bind_address(identity)
    ask = urllib.request.Request(  # noqa: S310 - http
        f"{platform['metadata_endpoint']}/latest/api/token",
        method="PUT",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
    )
    with urllib.request.urlopen(ask, timeout=5) as answer:  # noqa: S310 - http
        assert len(answer.read()) > 20


def test_its_daemons_end_with_it(directory: World) -> None:
    script = AWARE.replace("sleep 600", 'sh -c "echo \\$\\$ > $DS_EC2_PREFIX/opt/pid; exec sleep 600"')
    identity = directory.launch(script)
    file = directory.state / "instances" / identity / "root/opt/pid"
    pid = directory.wait_until(lambda: file.exists() and file.read_text().strip())
    directory.sandboxes.stop(identity)
    assert not Path("/proc", pid).exists()


def test_it_ends_itself_and_keeps_its_files(directory: World) -> None:
    script = """# platform: prefix-aware
mkdir -p "$DS_EC2_PREFIX/etc"
printf '#!/bin/sh\\ntouch "$DS_EC2_PREFIX/later"\\n' > "$DS_EC2_PREFIX/etc/rc.local"
chmod +x "$DS_EC2_PREFIX/etc/rc.local"
"""
    identity = directory.launch(script)
    directory.sandboxes.reboot(identity)
    directory.wait_until(lambda: directory.restarted(identity, 1))
    folder = directory.state / "instances" / identity
    assert (folder / "root/later").exists()
    platform = json.loads((folder / "root/etc/ds-ec2/platform.json").read_text())
    Path(platform["stop_action"].removeprefix("file:")).write_text("idle\n")
    directory.wait_until(lambda: (identity, "stopped") in directory.exits)


def test_volumes_come_and_go(directory: World) -> None:
    identity = directory.launch(AWARE)
    volume = directory.state / "vol"
    volume.mkdir()
    root = directory.state / "instances" / identity / "volumes"
    directory.sandboxes.attach(identity, "vol-1", volume)
    assert (root / "vol-1").resolve() == volume
    directory.sandboxes.detach(identity, "vol-1")
    assert not (root / "vol-1").exists()


def test_a_mac_has_directories_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert detect() == Isolation("directory", "", "darwin has no namespaces")
