"""What EC2 refuses to launch, in its own codes and words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from ds_ec2_local.services import quotas
from ds_ec2_local.services.failures import AwsError

if TYPE_CHECKING:
    from ds_ec2_local.services.faults import Faults

USER_DATA_LIMIT: Final = 16_384
"""Bytes, before base64. Source: EC2's user guide, instance user data."""


def check_type(instance_type: str) -> dict[str, Any]:
    """Return what DescribeInstanceTypes says of a type.

    Raises:
        EC2ClientError: There is none of that name.
    """
    found: dict[str, Any] | None = INSTANCE_TYPES.get(instance_type)
    if found is None:
        raise EC2ClientError("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")
    return found


def check_architecture(instance_type: str, image: Any) -> None:
    """Refuse an image that the type cannot run.

    Raises:
        EC2ClientError: The architectures differ.
    """
    offered = check_type(instance_type)["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture in offered:
        return
    raise EC2ClientError(
        "InvalidParameterValue",
        f"The architecture '{','.join(offered)}' of the specified instance type does not match the"
        f" architecture '{image.architecture}' of the specified AMI. Specify an instance type and an AMI that"
        " have matching architectures, and try again. You can use 'describe-instance-types' or"
        " 'describe-images' to discover the architecture of the instance type or AMI.",
    )


@cache
def sold_in(region: str) -> frozenset[str]:
    """Return the types that a region sells in some zone."""
    return frozenset(o["InstanceType"] for o in INSTANCE_TYPE_OFFERINGS["region"].get(region, []))


def zones_with(region: str, instance_type: str) -> list[str]:
    """Return the zones of a region where a type is sold."""
    offerings = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return sorted(o["Location"] for o in offerings if o["InstanceType"] == instance_type)


def check_zone(region: str, zone: str, instance_type: str) -> None:
    """Refuse a type in a zone that does not sell it.

    Raises:
        EC2ClientError: It is not offered there.
    """
    zones = zones_with(region, instance_type)
    if zone in zones:
        return
    if not zones:
        raise EC2ClientError(
            "Unsupported",
            "The requested configuration is currently not supported. Please check the documentation for"
            " supported configurations.",
        )
    raise EC2ClientError(
        "Unsupported",
        f"Your requested instance type ({instance_type}) is not supported in your requested Availability"
        f" Zone ({zone}). Please retry your request by not specifying an Availability Zone or choosing"
        f" {', '.join(zones)}.",
    )


def check_capacity(faults: Faults, region: str, zone: str, instance_type: str, *, spot: bool = False) -> None:
    """Refuse what the faults say is sold out.

    Raises:
        AwsError: It is: HTTP 500, as EC2 says it.
    """
    if spot and faults.no_spot_capacity(zone, instance_type):
        raise AwsError(
            "InsufficientInstanceCapacity",
            "There is no Spot capacity available that matches your request.",
            500,
        )
    if not faults.no_capacity(zone, instance_type):
        return
    others = [z for z in zones_with(region, instance_type) if not faults.no_capacity(z, instance_type)]
    elsewhere = f" or choosing {', '.join(others)}" if others else ""
    raise AwsError(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you"
        f" requested ({zone}). Our system will be working on provisioning additional capacity. You can"
        f" currently get {instance_type} capacity by not specifying an Availability Zone in your request"
        f"{elsewhere}.",
        500,
    )


def check_quota(
    faults: Faults, region: str, running: list[Any], instance_type: str, count: int, *, spot: bool
) -> None:
    """Refuse what goes over the account's vCPUs.

    Args:
        faults: Holds other limits than the account's.
        region: Where.
        running: The instances of the region that count: pending and running ones.
        instance_type: What is wanted.
        count: How many.
        spot: On the spot market.

    Raises:
        EC2ClientError: VcpuLimitExceeded, or MaxSpotInstanceCountExceeded.
    """
    code = quotas.code_for(instance_type, spot=spot)
    if code is None:
        return
    limit = quotas.limit(faults, code, region)
    used = sum(
        vcpus(i.instance_type)
        for i in running
        if quotas.code_for(i.instance_type, spot=i.lifecycle == "spot") == code
    )
    if used + count * vcpus(instance_type) <= limit:
        return
    if spot:
        raise EC2ClientError("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    raise EC2ClientError(
        "VcpuLimitExceeded",
        f"You have requested more vCPU capacity than your current vCPU limit of {limit:g} allows for the"
        " instance bucket that the specified instance type belongs to. Please visit"
        " http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
    )


def vcpus(instance_type: str) -> int:
    """Return a type's vCPUs."""
    return int(check_type(instance_type)["VCpuInfo"]["DefaultVCpus"])


def check_user_data(data: bytes) -> None:
    """Refuse user data that is too long.

    Raises:
        EC2ClientError: It has more than 16 KiB.
    """
    if len(data) > USER_DATA_LIMIT:
        raise EC2ClientError("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")
