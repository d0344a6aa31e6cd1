"""Spot notices: heard from the metadata, told to people, noted, and given to hooks."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from ds_ec2_machine import spot
from ds_ec2_machine.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.machine.conftest import Aws, Machine

STOP = {"action": "stop", "time": "2026-11-25T14:32:00Z"}
AT = 1795617120.0


@pytest.fixture
def platform(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("DS_EC2_PLATFORM", str(machine.platform_file))
    machine.file("/var/log/ds-ec2/spot-notice.log")
    return Platform()


def hook(machine: Machine, path: str, script: str) -> None:
    file = machine.file(path)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_there_is_a_notice_when_the_metadata_have_one(platform: Platform, aws: Aws) -> None:
    assert spot.notice(platform) == {}
    aws.metadata["spot/instance-action"] = json.dumps(STOP)
    assert spot.notice(platform) == STOP


def test_people_the_status_and_the_hooks_hear_of_it(machine: Machine, platform: Platform, aws: Aws) -> None:
    home = platform.account.home[len(str(machine.root)) :]
    heard = machine.root / "heard"
    say = f'echo "$0 $DS_EC2_SPOT_ACTION $DS_EC2_SPOT_TIME" >> {heard}'
    hook(machine, "/etc/ds-ec2/spot-notice.d/second", f"{say}; exit 3")
    hook(machine, "/etc/ds-ec2/spot-notice.d/first", say)
    hook(machine, f"{home}/.config/ds-ec2/on-spot-notice", say)
    machine.file("/etc/ds-ec2/spot-notice.d/README").write_text("no program")
    told: list[tuple[str, float]] = []
    spot.answer(platform, STOP, lambda text, at: told.append((text, at)))
    ((text, at),) = told
    assert "takes this spot machine back: it stops at {time}" in text
    assert at == AT
    names = {line.split()[0].rsplit("/", 1)[-1] for line in heard.read_text().splitlines()}
    assert names == {"first", "second", "on-spot-notice"}
    assert all(line.endswith("stop 2026-11-25T14:32:00Z") for line in heard.read_text().splitlines())
    document = json.loads(aws.written[-1]["Value"])
    assert document["stopped"]["why"] == "EC2 took the spot machine back (stop)"
    assert document["stopped"]["interrupted"] is True


def test_a_hook_that_hangs_does_not_keep_the_others(machine: Machine, platform: Platform) -> None:
    hook(machine, "/etc/ds-ec2/spot-notice.d/1", f"sleep 60; touch {machine.root}/first")
    hook(machine, "/etc/ds-ec2/spot-notice.d/2", f"touch {machine.root}/second")
    began = time.monotonic()
    spot.answer(platform, STOP, lambda _text, _at: None, within_s=3)
    assert time.monotonic() - began < 30
    assert (machine.root / "second").exists()
    assert not (machine.root / "first").exists()


def wait(true: Callable[[], object]) -> None:
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("life", ["spot", "on-demand"])
def test_only_spot_machines_listen_and_each_notice_is_told_once(
    platform: Platform, aws: Aws, monkeypatch: pytest.MonkeyPatch, life: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(spot.watch, "__defaults__", (0.05,))
    aws.metadata["instance-life-cycle"] = life
    spot.start(platform, lambda text, _at: told.append(text))
    aws.metadata["spot/instance-action"] = json.dumps(STOP)
    if life == "on-demand":
        time.sleep(0.3)
        assert told == []
        return
    wait(lambda: told)
    time.sleep(0.3)
    assert len(told) == 1
    aws.metadata["spot/instance-action"] = json.dumps({**STOP, "action": "terminate"})
    wait(lambda: len(told) == 2)
    assert "it ends at" in told[1]
