"""The parameters of the templates: what each may be, so that nothing odd reaches a script or a JSON text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

from ds_ec2.model.names import DataParameter, MachineParameter, NetworkParameter

if TYPE_CHECKING:
    from constructs import Construct


@dataclass(frozen=True, slots=True)
class Rule:
    """What a parameter may be.

    Args:
        description: For people who deploy the template by hand.
        pattern: Regular expression of the whole value.
        kind: CloudFormation's type; ids that it can check itself have a type of their own.
        least: Least number, or length of a text.
        most: Greatest number, or length of a text.
        values: All allowed values.
        hidden: DescribeStacks masks the value (`NoEcho`).
    """

    description: str
    pattern: str | None = None
    kind: str = "String"
    least: int | None = None
    most: int | None = None
    values: tuple[str, ...] = ()
    hidden: bool = False


_ZONE: Final = "[a-z]{2}(-[a-z0-9]+)+"
_INSTANCE_TYPE: Final = r"[a-z0-9-]+\.[a-z0-9-]+"
# Source: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
_GP3_MOST_GIB: Final = 16_384

RULES: Final = {
    NetworkParameter.VPC_CIDR: Rule(
        "Address range of the VPC, /16 to /23; it never changes",
        r"[0-9]{1,3}(\.[0-9]{1,3}){3}/(1[6-9]|2[0-3])",
    ),
    NetworkParameter.ZONES[0]: Rule("An availability zone; the way out is here", _ZONE),
    **dict.fromkeys(NetworkParameter.ZONES[1:], Rule("One more zone, or empty")),
    NetworkParameter.WAY_OUT: Rule("How machines reach the internet", values=("nat-instance",)),
    NetworkParameter.WAY_OUT_IMAGE: Rule(
        "Image of the way out: Amazon Linux 2023 of its type's architecture", kind="AWS::EC2::Image::Id"
    ),
    NetworkParameter.WAY_OUT_TYPE: Rule("Instance type of the way out", _INSTANCE_TYPE),
    MachineParameter.NAME: Rule("The machine's name", "[a-z][a-z0-9-]{0,29}"),
    MachineParameter.OWNER: Rule("Short name of its owner", "[a-z0-9]{1,20}"),
    DataParameter.ZONE: Rule(
        "Zone of the volume and of its machine", kind="AWS::EC2::AvailabilityZone::Name"
    ),
    DataParameter.SIZE_GIB: Rule("Size of the data volume", kind="Number", least=1, most=_GP3_MOST_GIB),
    DataParameter.SNAPSHOT: Rule(
        "Snapshot to begin with, or empty for a blank volume", "(snap-[0-9a-f]{8,17})?"
    ),
    # Source: https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html (100 to 300)
    DataParameter.INITIALIZATION_RATE: Rule(
        "MiB/s at which the snapshot's blocks come, 100 to 300, for a price of its own; or empty",
        "([12][0-9]{2}|300)?",
    ),
    MachineParameter.INSTANCE_TYPE: Rule("Instance type", _INSTANCE_TYPE),
    MachineParameter.IMAGE: Rule(
        "Machine image; another one replaces the machine", kind="AWS::EC2::Image::Id"
    ),
    MachineParameter.ROOT_DEVICE: Rule("Device name of the image's root volume", "/dev/[a-z0-9]+"),
    MachineParameter.ROOT_GIB: Rule("Size of the root volume", kind="Number", least=1, most=_GP3_MOST_GIB),
    MachineParameter.SUBNET: Rule("Private subnet in the data volume's zone", kind="AWS::EC2::Subnet::Id"),
    MachineParameter.SECURITY_GROUP: Rule(
        "Security group without inbound rules", kind="AWS::EC2::SecurityGroup::Id"
    ),
    MachineParameter.DATA_VOLUME: Rule("Data volume, in the subnet's zone", kind="AWS::EC2::Volume::Id"),
    MachineParameter.BUCKET: Rule("Bucket that files go through", "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    MachineParameter.PACKAGES: Rule("Text of requirements.txt; # for none", least=1, most=4096),
    MachineParameter.PYTHON: Rule("Python version of the environment", r"3\.[0-9]{1,2}"),
    MachineParameter.IDLE_MINUTES: Rule("Stop after so many idle minutes; 0 for never", "[0-9]{1,5}"),
    MachineParameter.DOCKER: Rule("Install Docker", values=("no", "yes")),
    MachineParameter.IDLE_THRESHOLDS: Rule(
        "What is busy: cpu=0.2,gpu=10; empty for the usual", r"([a-z]+=[0-9.]+(,[a-z]+=[0-9.]+)*)?"
    ),
    MachineParameter.MAX_MINUTES: Rule("Stop so many minutes after a start; 0 for never", "[0-9]{1,6}"),
    MachineParameter.MARKET: Rule(
        "How it is paid for; another one replaces the machine", values=("on-demand", "spot")
    ),
    MachineParameter.CAPACITY_RESERVATION: Rule(
        "Capacity reservation to launch into, or empty; to give or take one replaces the machine",
        "(cr-[0-9a-f]{8,17})?",
    ),
    MachineParameter.CODE_SHA256: Rule("SHA-256 of the machine's code", "[0-9a-f]{64}"),
}
CODE_PART: Final = Rule("A part of the machine's code", "[A-Za-z0-9+/=]+", least=1, most=4096, hidden=True)
"""For `names.code_parameter`: no secret, but 40 KB a machine that `ds-ec2 ls` would read.

A parameter's value has at most 4,096 bytes, and a template 200 parameters.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""


def parameter(scope: Construct, name: str, default: str | None = None, *, rule: Rule | None = None) -> str:
    """Add a parameter under its shared name and return a reference to it.

    Args:
        scope: A stack, so that the name stays as it is.
        name: A key of `RULES`, unless `rule` is given.
        default: Value where none is given; None makes it required.
        rule: What it may be.
    """
    rule = rule or RULES[name]
    number = rule.kind == "Number"
    made = cdk.CfnParameter(
        scope,
        name,
        type=rule.kind,
        description=rule.description,
        default=default,
        allowed_pattern=f"^{rule.pattern}$" if rule.pattern else None,
        allowed_values=list(rule.values) or None,
        min_value=rule.least if number else None,
        max_value=rule.most if number else None,
        min_length=None if number else rule.least,
        max_length=None if number else rule.most,
        no_echo=rule.hidden or None,
    )
    return cdk.Fn.ref(made.logical_id)
