"""The root volume of one instance: what an image is told of this host before the first boot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.instances import image as files
from ds_ec2_local.instances.guest import agent
from ds_ec2_local.instances.keeper import program
from ds_ec2_local.instances.network import RESOLVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.instances.host import Host

LIBRARY: Final = f"{agent.HOME}/lib"
"""Where the guest's code is seen."""
_STAND_INS: Final = "/usr/local/lib/ec2-local"
INIT: Final = f"{_STAND_INS}/init"
"""What runs as process 1: systemd."""
DMIDECODE: Final = """#!/bin/sh
# Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
case "$*" in
  *system-uuid*|*system-serial-number*) echo {uuid} ;;
  *system-manufacturer*|*chassis-asset-tag*) echo "Amazon EC2" ;;
esac
"""
"""What the firmware of an instance says."""

# cloud-init asks the metadata service for a token only where the firmware tells of EC2, and reads the
# firmware only where it finds no container. Both are answered here, for its own services alone.
_CLOUD_INIT: Final = (
    "cloud-init-main", "cloud-init-local", "cloud-init-network", "cloud-init", "cloud-config", "cloud-final",
)  # fmt: skip
_PROGRAMS: Final = {
    "init": "#!/bin/sh\n# cloud-init looks for this variable in the environment of process 1.\n"
    "unset container container_uuid\nexec /lib/systemd/systemd\n",
    "systemd-detect-virt": '#!/bin/sh\n[ "$*" = "" ] && echo amazon && exit 0\nexit 1\n',
    "udevadm": "#!/bin/sh\n# There is no udev in a container.\n",
    "dmidecode": DMIDECODE,
}
_AGENT: Final = "ec2-local-agent.service"
_AGENT_UNIT: Final = """[Unit]
Description=Session Manager's agent on the embedded AWS
[Service]
ExecStart={command}
Restart=always
KillMode=process
[Install]
WantedBy=multi-user.target
"""


def write(root: Path, host: Host, platform: Mapping[str, Any], uuid: str) -> None:
    """Write what differs from the image when an instance boots for the first time.

    Args:
        root: A folder, which is laid over the image.
        host: What this host gives: certificates, pip's settings.
        platform: What a machine has to know that is not on EC2, for `/etc/ds-ec2/platform.json`.
        uuid: What its firmware says.
    """
    _write(root, "etc/ds-ec2/platform.json", json.dumps(platform, indent=1) + "\n")
    _write(root, "etc/resolv.conf", f"nameserver {RESOLVER}\n")
    _write(root, "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    _write(root, "etc/pip.conf", files.pip_file(host))
    _named_certificates(root, host)
    _variables(root, host)
    _services(root, uuid)


def _write(root: Path, name: str, text: str, mode: int = 0o644) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _named_certificates(root: Path, host: Host) -> None:
    """Put certificates that variables name where they are named; the others are the image's already."""
    for named in host.certificates:
        path = Path(named)
        if path.is_file() and not path.is_relative_to("/etc/ssl/certs"):
            _write(root, named[1:], path.read_text())


def _variables(root: Path, host: Host) -> None:
    """Let every service begin with the host's ways to packages."""
    words = " ".join('"{}={}"'.format(key, value.replace("%", "%%")) for key, value in host.environment)
    text = f"[Manager]\nDefaultEnvironment={words}\n" if words else ""
    _write(root, "etc/systemd/system.conf.d/ec2-local.conf", text)


def _services(root: Path, uuid: str) -> None:
    for name, text in _PROGRAMS.items():
        _write(root, f"{_STAND_INS[1:]}/{name}", text.replace("{uuid}", uuid), 0o755)
    path = f"[Service]\nEnvironment=PATH={_STAND_INS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\n"
    for name in _CLOUD_INIT:
        _write(root, f"etc/systemd/system/{name}.service.d/ec2-local.conf", path)
    command = ["/usr/bin/python3", *program("ds_ec2_local.instances.guest.agent", LIBRARY)]
    quoted = " ".join(f'"{word}"' for word in command)
    _write(root, f"etc/systemd/system/{_AGENT}", _AGENT_UNIT.format(command=quoted))
    wanted = root / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir(parents=True, exist_ok=True)
    (wanted / _AGENT).symlink_to(f"/etc/systemd/system/{_AGENT}")
