"""The data volume: found by its id, formatted only when blank, mounted at /data, grown to its size."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional

from ds_ec2_machine.platform import DATA, Platform
from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage

LABEL = "ds-ec2-data"
_GROW = {"ext4": "resize2fs {device}", "xfs": "xfs_growfs /data"}
_XEN_DEVICES = ("/dev/sdf", "/dev/xvdf")  # types older than Nitro


def mount(stage: Stage) -> None:
    """Have the data volume at /data; without one, /data is a folder of the root volume.

    Raises:
        StageError: The volume did not come, or holds what is no file system.
    """
    platform = stage.platform
    volume = platform.settings().get("data_volume_id", "")
    folders: Dict[str, str] = platform.seams.get("volumes") or {}
    attached: str = platform.seams.get("volumes_root") or ""
    if volume in folders:
        _link(platform, folders[volume])
    elif attached and volume:
        folder = Path(attached, volume)
        stage.wait(f"volume {volume}", folder.is_dir, 0.2)
        _link(platform, str(folder))
    elif volume.startswith("vol-"):
        if not os.path.ismount(DATA):  # at later boots fstab may have been quicker
            stage.wait(f"volume {volume}", lambda: _device(volume), 2.0)
            _mount(stage, str(_device(volume)))
        _grow(stage)
    platform.user_folder(DATA)


def _link(platform: Platform, folder: str) -> None:
    """Let a folder stand for the volume."""
    data = platform.file(DATA)
    if data.is_symlink():
        data.unlink()
    elif data.exists():
        data.rmdir()  # fails when it holds something: nobody's files are hidden
    data.parent.mkdir(parents=True, exist_ok=True)
    data.symlink_to(folder)


def _device(volume: str) -> Optional[str]:
    """Return a volume's block device, None before it is attached.

    Source: https://docs.aws.amazon.com/ebs/latest/userguide/nvme-ebs-volumes.html
    """
    name = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"
    return next((path for path in (name, *_XEN_DEVICES) if Path(path).exists()), None)


def _facts(stage: Stage, device: str) -> Dict[str, str]:
    """Return what blkid finds on a device: nothing at all on a blank one."""
    # Status 2 means blank, and also "cannot read": opening it first tells them apart.
    with Path(device).open("rb") as file:
        file.read(4096)
    output = stage.run(["sh", "-c", 'blkid -p -o export "$0" || test $? = 2', device])
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", output, re.MULTILINE))


def _mount(stage: Stage, device: str) -> None:
    device = os.path.realpath(device)
    facts = _facts(stage, device)
    if not facts:
        stage.say(f"{device} is blank")
        stage.run(["mkfs.ext4", "-q", "-L", LABEL, device])
        facts = _facts(stage, device)
    kind = facts.get("TYPE", "")
    if kind not in _GROW:
        raise StageError(
            f"{device} holds {kind or 'partitions'}, not a file system known here: left as it is"
        )
    name = f"LABEL={LABEL}" if facts.get("LABEL") == LABEL else f"UUID={facts['UUID']}"
    _remember(f"{name} {DATA} {kind} defaults,nofail,x-systemd.device-timeout=30s 0 2")
    Path(DATA).mkdir(exist_ok=True)
    stage.run(["mount", device, DATA])


def _grow(stage: Stage) -> None:
    """Have the file system as large as its volume."""
    try:
        device, kind = stage.run(["findmnt", "-n", "-o", "SOURCE,FSTYPE", DATA]).split()
        stage.run(_GROW[kind].format(device=device).split())
    except (StageError, KeyError) as error:
        stage.say(f"not grown to the volume's size: {error}")  # smaller, and mounted all the same


def _remember(line: str) -> None:
    """Have one line for /data in fstab."""
    fstab = Path("/etc/fstab")
    others = [one for one in fstab.read_text().splitlines() if one.split()[1:2] != [DATA]]
    new = fstab.with_suffix(".ds-ec2")
    new.write_text("\n".join([*others, line]) + "\n")
    new.chmod(0o644)
    new.replace(fstab)
