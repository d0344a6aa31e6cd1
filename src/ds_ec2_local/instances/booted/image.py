"""Root file systems to boot from, made of Debian's packages, and kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ds_ec2_local.instances.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGES: Final = (
    "systemd-sysv", "dbus", "udev", "cloud-init", "openssh-server", "python3", "python3-venv",
    "ca-certificates", "libnss-myhostname", "iproute2", "procps", "e2fsprogs", "xfsprogs", "sudo",
    "curl", "less", "screen", "rsync",
)  # fmt: skip
_VERSION: Final = 4
"""Of what this file does beside installing packages."""
_CERTIFICATES: Final = Path("/usr/local/share/ca-certificates")
_SSM_USER: Final = "ssm-user"
_NETWORK: Final = """[Match]
Name=eth* tap*
[Network]
DHCP=ipv4
LinkLocalAddressing=no
[DHCPv4]
UseDNS=no
UseHostname=no
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made of.

    Args:
        release: Debian's name of it: `bookworm` has cloud-init 22.4, `trixie` 25.1.
        user: The account that cloud-init makes: `ec2-user` as on Amazon Linux, `ubuntu` as on Ubuntu.
    """

    release: str = "bookworm"
    user: str = "ec2-user"

    @property
    def digest(self) -> str:
        """The same for the same content."""
        parts = [_VERSION, _PACKAGES, _configuration(self), asdict(self), _certificates()]
        text = json.dumps(parts)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where images are kept.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ds-ec2" / "images"


def make(recipe: Recipe, images: Path | None = None) -> Path:
    """Return the folder of an image, made where it is not there yet (about 40 s).

    Raises:
        SandboxError: It cannot be made here; with the last words of `mmdebstrap`.
    """
    images = images or folder()
    image = images / f"{recipe.release}-{recipe.user}-{recipe.digest}"
    if image.is_dir():
        return image
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        raise SandboxError("images are made by root, with mmdebstrap")
    images.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=images))
    try:
        command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}"]
        # Its own default is a mirror of Debian; the files in /etc/apt stay as it writes them.
        made = subprocess.run(
            [*command, "--quiet", recipe.release, str(draft)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise SandboxError(f"mmdebstrap failed: {made.stderr.strip()[-800:]}")
        _finish(draft, recipe)
        draft.chmod(0o755)
        draft.replace(image)
    except OSError:
        if not image.is_dir():  # somebody else was quicker
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return image


def _certificates() -> dict[str, str]:
    """Return the CA certificates that were added to this host, by file name."""
    return {path.name: path.read_text() for path in sorted(_CERTIFICATES.glob("*.crt"))}


def _configuration(recipe: Recipe) -> str:
    """Return what the maker of an AMI tells cloud-init; most of it is JSON, which is YAML."""
    text = {
        "locale": "C.UTF-8",
        "preserve_hostname": False,
        "manage_etc_hosts": False,
        "apt": {"preserve_sources_list": True},
        "network": {"config": "disabled"},
        "growpart": {"mode": "off"},  # the root volume is a folder
        "resize_rootfs": False,
        "system_info": {
            "default_user": {
                "name": recipe.user,
                "gecos": "EC2 Default User",
                "lock_passwd": True,
                "groups": ["adm", "sudo"],
                "sudo": ["ALL=(ALL) NOPASSWD:ALL"],
                "shell": "/bin/bash",
            }
        },
    }
    return json.dumps(text, indent=1) + "\n"


# In this form, for a shell script (ds-identify) reads it too.
_SOURCES: Final = "datasource_list: [ Ec2 ]\n"


def _finish(root: Path, recipe: Recipe) -> None:
    (root / "etc/cloud/cloud.cfg.d/90-image.cfg").write_text(_configuration(recipe))
    (root / "etc/cloud/cloud.cfg.d/91-sources.cfg").write_text(_SOURCES)
    (root / "etc/hostname").unlink(missing_ok=True)  # this host's
    (root / "etc/machine-id").write_text("")  # systemd makes one at the first boot
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # cloud-init makes them
    (root / "etc/systemd/network/10-ec2.network").write_text(_NETWORK)
    for name, text in _certificates().items():
        (root / str(_CERTIFICATES)[1:] / name).write_text(text)
    for command in (
        ["update-ca-certificates"],
        ["systemctl", "enable", "systemd-networkd.service"],
        # It waits for minutes where the way out is closed: there is no interface then.
        ["systemctl", "mask", "systemd-networkd-wait-online.service"],
        # Session Manager's agent makes this account at its first session.
        ["useradd", "--create-home", "--shell=/bin/bash", _SSM_USER],
    ):
        subprocess.run(["chroot", str(root), *command], check=True, capture_output=True)
    rule = root / "etc/sudoers.d/ssm-agent-users"
    rule.write_text(f"{_SSM_USER} ALL=(ALL) NOPASSWD:ALL\n")
    rule.chmod(0o440)
