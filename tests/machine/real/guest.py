"""A machine of `ds-ec2 --local` that really boots: what tests do with it, through the command line alone."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import json
import os
import signal
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ds_ec2_local.instances.booted.image import Recipe, make
from ds_ec2_local.instances.booted.machine import why_not
from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.instances.guest.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import CommandLine

ANSWERS = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8888/api"
"""Prints 200 where JupyterLab answers."""

# A file system that goes as if its disk had gone. Source: linux/fs.h, FS_IOC_SHUTDOWN; ext4.h
_SHUT_DOWN = 0x8004587D
_WITHOUT_THE_JOURNAL = struct.pack("I", 2)


def image_or_skip(recipe: Recipe) -> Path:
    """Return the folder of an image, made once; skip the test where this machine cannot boot one."""
    if reason := why_not():
        pytest.skip(f"nothing boots here: {reason}")
    try:
        return make(recipe)
    except SandboxError as error:
        pytest.skip(f"no image to boot: {error}")


def wait_for(what: str, true: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Return the first true answer, or fail; asks twice a second."""
    end = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)
    return found


@dataclasses.dataclass(frozen=True)
class Cloud:
    """An embedded AWS whose instances boot, and the command line to it.

    Args:
        ds_ec2: Run it with the words of a command.
        state: The server's directory.
    """

    ds_ec2: CommandLine
    state: Path

    def client(self, service: str) -> Any:
        """Return a boto3 client, for what is no command of `ds-ec2`; close it."""
        endpoint = json.loads((self.state / "endpoint.json").read_text())["endpoint_url"]
        make_client: Any = boto3.client
        return make_client(
            service,
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIALOCALANA00000000",
            aws_secret_access_key="any",
        )

    @contextlib.contextmanager
    def way_out_closed(self) -> Iterator[None]:
        """Have no machine reach anything outside, or the AWS APIs: the default route is gone meanwhile."""
        ec2 = self.client("ec2")
        with contextlib.closing(ec2):
            routes = [
                {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0", key: route[key]}
                for table in ec2.describe_route_tables()["RouteTables"]
                for route in table["Routes"]
                for key in ("InstanceId", "NetworkInterfaceId")
                if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get(key)
            ]
            assert routes, "no machine has a way out"
            for one in {route["RouteTableId"] for route in routes}:
                ec2.delete_route(RouteTableId=one, DestinationCidrBlock="0.0.0.0/0")
            try:
                yield
            finally:
                for one in {route["RouteTableId"]: route for route in routes}.values():
                    ec2.create_route(**one)

    def up(self, name: str, packages: str = "six\n", *options: str, ok: bool = True) -> Guest:
        """Make a machine, and return once it is ready."""
        listed = self.state.parent / f"{name}.txt"
        self.state.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text(packages)
        words = ("--packages", str(listed), "--data-gib", "2", "--wait-ready", "--yes", *options)
        self.ds_ec2("up", name, *words, ok=ok, timeout_s=600)
        return Guest(self, name)


@dataclasses.dataclass
class Guest:
    """One machine.

    Args:
        cloud: Where it is.
        name: What it is called.
    """

    cloud: Cloud
    name: str

    def run(self, command: str, *, ok: bool = True) -> str:
        """Run a command on it, by `ds-ec2 ssh`, and return what it printed, without the end of the line."""
        return self.cloud.ds_ec2("ssh", self.name, "--", command, ok=ok).stdout.strip()

    def facts(self) -> dict[str, Any]:
        """Return what `ds-ec2 ls` says of it."""
        listed = json.loads(self.cloud.ds_ec2("ls", "--json").stdout)
        found: dict[str, Any] = next(one for one in listed if one["name"] == self.name)
        return found

    @functools.cached_property
    def folder(self) -> Path:
        """Its folder on this host: `changes` is what it wrote over its image, seen while it is off too."""
        return self.cloud.state / "instances" / str(self.facts()["instance_id"])

    def log(self, name: str) -> str:
        """Return a file of its `/var/log` as it is now, whether it can be reached or not."""
        path = self.folder / "changes/var/log" / name
        return path.read_text() if path.exists() else ""

    def journal(self, unit: str) -> str:
        """Return what a unit said, by this host's journalctl, whether the machine can be reached or not."""
        folder = self.folder / "changes/var/log/journal"
        command = ["journalctl", "--no-pager", "-o", "cat", "-D", str(folder), "-u", unit]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def status(self) -> dict[str, Any]:
        """Return `boot` (new at each run of the bootstrap) and `stages`; nothing before there are any."""
        path = self.folder / "changes/var/lib/ds-ec2/status.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def wait_ready(self, after: str = "", seconds: float = 180.0) -> dict[str, dict[str, Any]]:
        """Return the stages, by name, once the bootstrap is over.

        Args:
            after: `status()["boot"]` of a run that is not meant: from before a reboot.
            seconds: How long that may take.
        """

        def ready() -> dict[str, dict[str, Any]]:
            status = self.status()
            stages = {stage["name"]: stage for stage in status.get("stages", ())}
            over = stages.get("ready", {}).get("state") in {"done", "failed"}
            return stages if over and status["boot"] != after else {}

        found: dict[str, dict[str, Any]] = wait_for(f"{self.name} is ready", ready, seconds)
        return found

    def cut_power(self) -> None:
        """End it between two instructions; its data volume keeps what it had written. Wait for the end."""
        launcher = int((self.folder / "launcher.pid").read_text())
        data = [Path(f"/proc/{pid}/root/data") for pid in descendants(launcher)]
        mounted = next((path for path in data if (path / "lost+found").exists()), None)
        if mounted:
            descriptor = os.open(mounted, os.O_RDONLY)
            fcntl.ioctl(descriptor, _SHUT_DOWN, _WITHOUT_THE_JOURNAL)
            os.close(descriptor)
        os.kill(launcher, signal.SIGKILL)
        wait_for(f"{self.name} is off", lambda: self.facts()["status"] == "stopped", 60)
