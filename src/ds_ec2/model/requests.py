"""What a user asked for, as one frozen value per verb: no option is threaded through by hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ds_ec2.model.defaults import DEFAULT_CIDR, DEFAULT_TYPE, WayOut

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ec2.model.wishes import Wish


class DataFate(StrEnum):
    """What becomes of the data volume when its machine is removed."""

    KEEP_SNAPSHOT = "keep-snapshot"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class UpRequest:
    """`ds-ec2 up`.

    Args:
        name: The machine's name.
        owner: Short name of the owner; empty for the setting, else one made from the caller's identity.
        instance_type: As EC2 spells it.
        image: An AMI id; None resolves the newest image that fits the type.
        zone: An availability zone; None takes one that sells the type.
        root_gib: Root volume in GiB; None takes what the image needs and some more.
        data_gib: Data volume in GiB; a snapshot's size where that is more.
        snapshot: Snapshot that the data volume begins with; None for a blank one.
        initialization_rate: MiB/s at which the snapshot's blocks come, 100 to 300; None for AWS's default.
        packages: A document's path, or requirements with spaces between them; None takes the list that comes
            with ds-ec2, or what an earlier machine of the name had.
        python: Python version of the environment, `3.12`.
        docker: Install Docker, with the NVIDIA toolkit where the image has it.
        idle_minutes: Stop after so many idle minutes; 0 for never.
        idle_thresholds: What is busy to it: (name, number) of `model.idle.THRESHOLDS`.
        max_minutes: Stop so long after each start; 0 for as long as it likes.
        way_out: For a network that has to be made.
        vpc_cidr: For a network that has to be made.
        wait_ready: Wait for the long package list too, not only for JupyterLab.
        hold: Hold the capacity while the stack is made; None does so where that cannot become dear.
        wish: What the machine has to have; the plan then chooses `instance_type`. None takes that type.
        check_permissions: Ask IAM's simulator first, and refuse what it says is denied.
    """

    name: str = "work"
    owner: str = ""
    instance_type: str = DEFAULT_TYPE
    image: str | None = None
    zone: str | None = None
    root_gib: int | None = None
    data_gib: int = 50
    snapshot: str | None = None
    initialization_rate: int | None = None
    packages: Path | str | None = None
    python: str = "3.12"
    docker: bool = False
    idle_minutes: int = 60
    idle_thresholds: tuple[tuple[str, float], ...] = ()
    max_minutes: int = 0
    way_out: WayOut = WayOut.NAT_INSTANCE
    vpc_cidr: str = DEFAULT_CIDR
    wait_ready: bool = False
    hold: bool | None = None
    wish: Wish | None = None
    check_permissions: bool = True


@dataclass(frozen=True, slots=True)
class DownRequest:
    """`ds-ec2 down`.

    Args:
        name: The machine's name, its instance id, or empty for the only machine.
        data: The data volume's fate; None leaves it open, so that the plan asks.
    """

    name: str = ""
    data: DataFate | None = None


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """`ds-ec2 network up`.

    Args:
        way_out: How machines reach the internet.
        vpc_cidr: Address range of the VPC.
    """

    way_out: WayOut = WayOut.NAT_INSTANCE
    vpc_cidr: str = DEFAULT_CIDR
