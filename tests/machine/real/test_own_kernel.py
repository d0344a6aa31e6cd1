"""A boot with a kernel of its own, User-mode Linux: what a container cannot show.

ds-identify and cloud-init are as Debian has them: they find EC2 by the firmware (a program stands for it, for
this kernel has none), ask for an address by DHCP, and fetch a token. It ends when the machine has signalled.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from tests.machine.conftest import ROLE_KEY, STACK
from tests.machine.real.guest import image_or_skip, wait_for

from ds_ec2_local.instances.booted import root
from ds_ec2_local.instances.booted.image import Recipe
from ds_ec2_local.instances.imds import Imds
from ds_ec2_local.instances.keeper import NamespaceKeeper
from ds_ec2_local.instances.network import find_stack
from ds_ec2_local.instances.relay import Relay
from ds_ec2_local.instances.spec import InstanceSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machine.conftest import Aws

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

IDENTITY = "i-0123456789abcdef0"
UUID = "ec2a1b2c-d3e4-4f50-8123-456789abcdef"
APIS, ROUTER = "100.127.254.1", "100.127.254.2"
# A pool of several addresses: a second client id is refused the only one, and waits for a minute.
NETWORK = f"""set -e
ip tuntap add dev tap1 mode tap
ip addr add {ROUTER}/24 dev tap1
ip link set tap1 up
dnsmasq --port=0 --interface=tap1 --bind-dynamic --dhcp-authoritative --leasefile-ro --pid-file= \\
  --dhcp-range=100.127.254.20,100.127.254.60,1h --dhcp-option=option:router,{ROUTER} --user=root
exec linux.uml "$@"
"""
# Of two, ds-identify has to choose. One key, for an RSA key takes long here.
SOURCES = "datasource_list: [ GCE, Ec2, None ]\nssh_genkeytypes: [ed25519]\n"
KEEP = "[Service]\nExecStartPost=/bin/cp /run/cloud-init/ds-identify.log /run/cloud-init/cloud-id /var/log/\n"


def user_data(signal_url: str) -> bytes:
    """The user data of the shipped template, its placeholders filled."""
    template = json.loads(files("ds_ec2.templates").joinpath("machine.json").read_text())
    (instance,) = [one for one in template["Resources"].values() if one["Type"] == "AWS::EC2::Instance"]
    text = instance["Properties"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    text = text if isinstance(text, str) else text[0]
    values = {"AWS::Region": "eu-central-1", "AWS::StackName": STACK, "AWS::URLSuffix": "amazonaws.com"}
    for name, value in {**values, "Ready": signal_url, "ReadyHandle": signal_url}.items():
        text = text.replace(f"${{{name}}}", value)
    return str(text).encode()


@pytest.fixture
def changes(aws: Aws, tmp_path: Path) -> Iterator[Path]:
    """What a machine with a kernel of its own has written over its image; it runs meanwhile."""
    image = image_or_skip(Recipe())
    if missing := [name for name in ("linux.uml", "dnsmasq") if not shutil.which(name)]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    for name in ("root", "changes", "work", "devices"):
        (tmp_path / name).mkdir()
    port = aws.server.server_port
    url = f"http://{APIS}:{port}"
    for name, text, mode in (
        ("usr/sbin/dmidecode", root.DMIDECODE.replace("{uuid}", UUID), 0o755),
        ("etc/cloud/cloud.cfg.d/91-sources.cfg", SOURCES, 0o644),
        ("etc/systemd/system/cloud-init.service.d/keep.conf", KEEP, 0o644),
        ("etc/resolv.conf", "nameserver 127.0.0.1\n", 0o644),  # nobody answers: names fail at once
        ("etc/ds-ec2/platform.json", json.dumps({"aws_endpoint": url}), 0o644),
    ):
        path = tmp_path / "changes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
    keeper = NamespaceKeeper(
        plan(tmp_path, image, port), None, tmp_path / "pid", "ds_ec2_local.instances.booted.launch"
    )
    spec = InstanceSpec(
        IDENTITY,
        "ami-1",
        "10.0.0.5",
        "eu-central-1",
        user_data(f"{url}/signal?Signature=abc"),
        role="machine-role",
        tags={"ds-ec2:name": "work"},
    )
    with contextlib.ExitStack() as stack:
        stack.callback(keeper.wait)
        stack.callback(keeper.kill)
        stack.callback(Imds(keeper.listeners[0], lambda: spec, lambda _: ROLE_KEY).close)
        stack.callback(Relay(keeper.listeners[1], ("127.0.0.1", port)).close)
        yield tmp_path / "changes"


def plan(folder: Path, image: Path, port: int) -> dict[str, Any]:
    """What the launcher starts: a network with an address for the taking, and the kernel on the image."""
    kernel = [
        "root=/dev/root",
        "rootfstype=hostfs",
        f"rootflags={folder}/root",
        "rw",
        "mem=600M",
        "init=/lib/systemd/systemd",
        "eth0=tuntap,tap1,02:00:00:00:00:05",
        f"uml_dir={folder}/",
        "con=null",
        "con0=null,fd:1",
        "panic=1",
    ]
    return {
        "machine": IDENTITY,
        "image": str(image),
        **{name: str(folder / name) for name in ("root", "changes", "work", "devices")},
        "attached": {},
        "addresses": ["169.254.169.254", APIS],
        "listen": [["169.254.169.254", 80], [APIS, port]],
        "stack": find_stack(),
        "log": str(folder / "console.log"),
        "network_log": str(folder / "network.log"),
        "probe": False,
        "command": ["/bin/sh", "-c", NETWORK, "sh", *kernel],
        "environment": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "TMPDIR": "/dev/shm"},  # noqa: S108 - its memory
    }


def test_ec2_is_found_by_the_firmware_and_the_user_data_signals(changes: Path, aws: Aws) -> None:
    aws.publish_package()
    settings = {"name": "work", "owner": "ana", "python": "3.11", "idle_minutes": "60"}
    aws.parameters[aws.path("settings")] = json.dumps(settings)
    aws.parameters[aws.path("packages")] = "#"
    wait_for("the signal", lambda: aws.signals, 300)
    (signal,) = aws.signals
    assert (signal["Status"], signal["UniqueId"]) == ("SUCCESS", IDENTITY)
    identified = (changes / "var/log/ds-identify.log").read_text()
    assert "ec2 platform is 'AWS'" in identified
    assert "is_container=false" in identified
    assert (changes / "var/log/cloud-id").read_text().strip() == "aws"
    log = (changes / "var/log/cloud-init.log").read_text()
    assert "Received dhcp lease on eth0" in log
    assert "cloud_name=aws" in log
    assert "Fetching Ec2 IMDSv2 API Token" in log
    assert "DataSourceEc2Local" in log
