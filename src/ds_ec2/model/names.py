"""Names that the CLI, the templates and AWS share: tags, stacks, parameters, outputs, paths.

They are the contract between all parts: a template that uses another name is not found by the CLI.
"""

from __future__ import annotations

import re
from typing import Final

from ds_ec2.errors import UsageError

TAG_NAME: Final = "ds-ec2:name"
TAG_OWNER: Final = "ds-ec2:owner"
TAG_MANAGED_BY: Final = "ds-ec2:managed-by"
"""Value: `ds-ec2` for the command line, `cdk` for `cdk deploy`."""
TAG_PART: Final = "ds-ec2:part"
"""Which stack a resource belongs to: `network`, `data`, `machine`, or `all-in-one`; `hold` is no stack's."""
HOLD: Final = "hold"
"""A capacity reservation, for the minutes that its machine needs to start: its EndDate is when it must go."""
TAG_KEPT: Final = "ds-ec2:kept"
"""On a snapshot that `down` was asked to keep; value: the day."""
TAG_STACK: Final = "ds-ec2:stack"
"""On a spot request: the name of its machine stack. CloudFormation's own tags do not reach it."""
TAG_MAX_MINUTES: Final = "ds-ec2:max-minutes"
"""On an instance: the longest that it may run after a start; 0 for as long as it likes."""
TAG_STOPPED_BECAUSE: Final = "ds-ec2:stopped-because"
"""On an instance that the account's own function stopped: a UTC time and the reason."""
TAG_SPENT: Final = "ds-ec2:spent"
"""On an instance: how long it ran, kept by the account's own function; see `ds_ec2_account.ledger`."""

NETWORK_STACK: Final = "ds-ec2-network"

SSM_ROOT: Final = "/ds-ec2"
"""Every parameter of a machine stack is `/ds-ec2/<stack name>/<leaf>`."""
SSM_SETTINGS: Final = "settings"
SSM_PACKAGES: Final = "packages"
SSM_STATUS: Final = "status"
SSM_CODE: Final = "code"

ON_ITS_WAY: Final = "transit"
"""Keys below `transit/<stack>/` go after a week; those below `<stack>/` stay as long as the machine."""

JUPYTER_PORT: Final = 8888
CONTROL_PORT: Final = 8765
SSH_PORT: Final = 22

DOCUMENT_PORT: Final = "AWS-StartPortForwardingSession"
DOCUMENT_SSH: Final = "AWS-StartSSHSession"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
_NAME_RULE = (
    "a name has lower-case letters, digits and hyphens, begins with a letter,"
    " is at most 30 long, does not end in -data, and is not network"
)
_OWNER = re.compile(r"[a-z0-9]{1,20}")


class NetworkParameter:
    """Parameters of the network stack."""

    VPC_CIDR: Final = "VpcCidr"
    ZONES: Final = ("ZoneA", "ZoneB", "ZoneC", "ZoneD", "ZoneE", "ZoneF")
    """One subnet each; all but the first may be empty."""
    WAY_OUT: Final = "WayOut"
    WAY_OUT_IMAGE: Final = "WayOutImageId"
    WAY_OUT_TYPE: Final = "WayOutInstanceType"


class NetworkOutput:
    """Outputs of the network stack."""

    VPC: Final = "VpcId"
    SUBNETS: Final = "SubnetIds"
    """Comma separated, in the order of the zones."""
    ZONES: Final = "Zones"
    """Comma separated, one per subnet."""
    SECURITY_GROUP: Final = "SecurityGroupId"
    BUCKET: Final = "TransitBucket"
    WAY_OUT: Final = "WayOut"
    WAY_OUT_INSTANCE: Final = "WayOutInstanceId"


class DataParameter:
    """Parameters of a data stack."""

    NAME: Final = "MachineName"
    OWNER: Final = "Owner"
    ZONE: Final = "AvailabilityZone"
    SIZE_GIB: Final = "DataVolumeGiB"
    SNAPSHOT: Final = "SnapshotId"
    INITIALIZATION_RATE: Final = "InitializationRate"
    """MiB/s at which a snapshot's blocks come; empty for AWS's default, which is slow at first."""


class DataOutput:
    """Outputs of a data stack."""

    VOLUME: Final = "DataVolumeId"


class MachineParameter:
    """Parameters of a machine stack."""

    NAME: Final = "MachineName"
    OWNER: Final = "Owner"
    INSTANCE_TYPE: Final = "InstanceType"
    IMAGE: Final = "ImageId"
    ROOT_DEVICE: Final = "RootDeviceName"
    ROOT_GIB: Final = "RootVolumeGiB"
    SUBNET: Final = "SubnetId"
    SECURITY_GROUP: Final = "SecurityGroupId"
    DATA_VOLUME: Final = "DataVolumeId"
    BUCKET: Final = "TransitBucket"
    PACKAGES: Final = "Packages"
    """The text of requirements.txt, at most 4,096 bytes."""
    PYTHON: Final = "PythonVersion"
    IDLE_MINUTES: Final = "IdleMinutes"
    """0 turns the idle stop off."""
    DOCKER: Final = "Docker"
    """`yes` or `no`."""
    IDLE_THRESHOLDS: Final = "IdleThresholds"
    MAX_MINUTES: Final = "MaxMinutes"
    """0 for as long as it likes; a tag of the instance."""
    MARKET: Final = "Market"
    """`on-demand` or `spot`, in `offers.Market`'s words; it never changes."""
    CAPACITY_RESERVATION: Final = "CapacityReservation"
    """`cr-...` that the machine is launched into, or empty; it never changes."""
    CODE_SHA256: Final = "CodeSha256"
    """Of the machine's code; its parts are `code_parameter(0)`, ..., as many as this version has."""


class MachineOutput:
    """Outputs of a machine stack."""

    INSTANCE: Final = "InstanceId"
    STATUS_PARAMETER: Final = "StatusParameter"


def code_parameter(index: int) -> str:
    """Return the machine stack's parameter that holds a part of the machine's code: `Code0`, `Code1`, ..."""
    return f"Code{index}"


def check_name(name: str) -> str:
    """Return `name` if it can name a machine.

    Raises:
        UsageError: It has other characters, or is longer than 30.
    """
    if _NAME.fullmatch(name) and not name.endswith(("-", "-data")) and name != "network":
        return name
    plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-0123456789")[:30]
    suggestion = re.sub(r"(-data|-)+$", "", plain)
    suggestion = "work" if suggestion in {"", "network"} else suggestion
    raise UsageError(
        f"{name!r} cannot name a machine",
        why=_NAME_RULE,
        hint=f"ds-ec2 up {suggestion}",
    )


def owner_slug(text: str) -> str:
    """Return the owner's short name, `[a-z0-9]{1,20}`, from a user name, a session name or an e-mail address.

    It has no hyphen, so that `ds-ec2-<owner>-<name>` can be read back.
    """
    slug = re.sub(r"[^a-z0-9]", "", text.split("@", 1)[0].lower())[:20]
    if not _OWNER.fullmatch(slug):
        raise UsageError(f"no owner name can be made from {text!r}", hint="export DS_EC2_OWNER=yourname")
    return slug


def machine_stack(owner: str, name: str) -> str:
    """Return the name of the machine stack."""
    return f"ds-ec2-{owner}-{name}"


def data_stack(owner: str, name: str) -> str:
    """Return the name of the data stack; no machine's stack ends so, since names with `-data` are refused."""
    return f"ds-ec2-{owner}-{name}-data"


def ssm_path(stack: str, leaf: str) -> str:
    """Return the full name of a machine stack's SSM parameter."""
    return f"{SSM_ROOT}/{stack}/{leaf}"
