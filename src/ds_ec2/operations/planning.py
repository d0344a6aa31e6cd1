"""The parts of an `up` plan: each a reading or a decision of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import NoSuchThingError
from ds_ec2.aws.images import ARCHITECTURES, public_parameter
from ds_ec2.aws.quotas import VPCS, quota_name
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.names import DataParameter
from ds_ec2.model.offers import Market
from ds_ec2.model.plans import StackAction
from ds_ec2.operations.disks import ROOT_ROOM_GIB

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Stack
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.plans import Image, Quota, StackPlan
    from ds_ec2.model.requests import UpRequest

MOST_BYTES: Final = 4096
"""Of a parameter's value.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""


def read_images(account: Account, request: UpRequest, known: Mapping[str, str]) -> dict[str, Image]:
    """Return the images that the candidates may want, in one call: by public parameter, or the one named.

    Args:
        account: The account.
        request: What was asked.
        known: Public parameter to image id.

    Raises:
        UsageError: The named one does not exist.
    """
    if request.image is None:
        found = account.ec2.images({image_id: name for name, image_id in known.items()})
        return {image.source: image for image in found.values()}
    try:
        return {request.image: account.ec2.image(request.image, "--image")}
    except NoSuchThingError as error:
        raise UsageError(
            f"there is no image {request.image} in {account.region}",
            why=error.why,
            hint="leave --image out: the newest that fits is looked up",
        ) from error


def fitting_image(request: UpRequest, kind: InstanceType, images: Mapping[str, Image]) -> Image | None:
    """Return the image that was named, or the newest that fits; None where that has not been read.

    Raises:
        UsageError: The named one has another architecture.
        DsEc2Error: There is none for the type.
    """
    if request.image is None:
        return images.get(public_parameter(kind))
    image = images[request.image]
    if image.architecture not in kind.architectures:
        fitting = ", ".join(one for one in ARCHITECTURES if one in kind.architectures)
        raise UsageError(
            f"{image.id} does not run on {kind.name}",
            why=f"the image is {image.architecture}, the type {fitting or ', '.join(kind.architectures)}",
            hint="leave --image out, or name a type of the image's architecture",
        )
    return image


def root_gib(request: UpRequest, image: Image) -> int:
    """Return the root volume's size.

    Raises:
        UsageError: The wanted size is smaller than the image.
    """
    wanted = request.root_gib or image.root_gib + ROOT_ROOM_GIB
    if wanted < image.root_gib:
        raise UsageError(
            f"a root volume of {wanted} GiB is too small",
            why=f"the image {image.name} has {image.root_gib} GiB",
            hint=f"--root-gib {image.root_gib + ROOT_ROOM_GIB}",
        )
    return wanted


def wanted_zones(request: UpRequest, data: Stack | None, sellers: tuple[str, ...]) -> tuple[str, ...]:
    """Return where the machine may go: the data's zone or the one asked for, else all that sell the type."""
    wanted = data.parameters.get(DataParameter.ZONE) if data else request.zone
    return (wanted,) if wanted and wanted in sellers else sellers


def choose_zone(
    request: UpRequest,
    data: Stack | None,
    sellers: tuple[str, ...],
    zones: tuple[str, ...],
) -> str:
    """Return the machine's zone: where its data is, where it was asked for, or the first that sells the type.

    Args:
        request: What was asked.
        data: An earlier machine's data stack, or None.
        sellers: Zones that sell the instance type.
        zones: The network's zones.

    Raises:
        UsageError: The wanted zone cannot be.
        DsEc2Error: No zone fits.
    """
    kept = data.parameters.get(DataParameter.ZONE, "") if data else ""
    kind = request.instance_type
    if kept and request.zone not in {None, kept}:
        raise UsageError(
            f"{request.name} cannot be in {request.zone}",
            why=f"its data is in {kept}, and a volume does not leave its zone",
            hint="leave --zone out, or make a machine of another name",
        )
    wanted = kept or request.zone
    if wanted and wanted not in sellers:
        raise UsageError(
            f"{wanted} does not sell {kind}",
            why=f"these do: {', '.join(sellers) or 'none'}",
            hint="another --instance-type" if kept else f"--zone {sellers[0]}" if sellers else "",
        )
    if wanted and wanted not in zones:
        raise UsageError(
            f"the network has no subnet in {wanted}", why=f"its zones are {', '.join(zones)}", hint="--zone"
        )
    fitting = [zone for zone in zones if zone in sellers]
    if not fitting:
        raise DsEc2Error(
            f"no zone of the network sells {kind}",
            why=f"the network is in {', '.join(zones)}; sold in {', '.join(sellers) or 'none'}",
            hint="another --instance-type, or another --region",
        )
    return wanted or fitting[0]


def more_quota(account: Account, kind: InstanceType, market: Market) -> str:
    """Return the command that asks for the quota of one more machine of a type."""
    spot = " --spot" if market is Market.SPOT else ""
    return f"ds-ec2 quota request --instance-type {kind.name}{spot}{account.flags}"


def check_quota(
    account: Account, quota: Quota | None, kind: InstanceType, market: Market = Market.ON_DEMAND
) -> None:
    """Refuse what the quota cannot carry, before anything is made.

    Raises:
        DsEc2Error: The quota is too small, with the command that asks for more.
    """
    if quota is None or quota.enough:
        return
    raise DsEc2Error(
        f"the account may not run {kind.name}",
        why=f"it needs {quota.needed} vCPU; {quota.used} of {quota.limit:g} are in use"
        f" (quota {quota_name(quota.code)}, {quota.code})",
        hint=more_quota(account, kind, market),
    )


def check_vpcs(account: Account, network: StackPlan, vpcs: Future[tuple[int, float]] | None) -> None:
    """Refuse to make a network for which the region has no room.

    Args:
        account: The account.
        network: What is to be done about the network.
        vpcs: VPCs that there are and that there may be; None where that does not matter.

    Raises:
        DsEc2Error: As many are there as may be.
    """
    if vpcs is None or network.action is not StackAction.MAKE:
        return
    try:
        there, most = vpcs.result()
    except DsEc2Error:
        return  # whoever may not look hears of it from CloudFormation
    if there >= most:
        raise no_vpc(account, there, most)


def no_vpc(account: Account, there: int, most: float) -> DsEc2Error:
    """Return the error for a region whose VPCs are used up, with the command that asks for more."""
    return DsEc2Error(
        f"{account.region} has no room for the network",
        why=f"it has {there} of {most:g} VPCs (quota {VPCS})",
        hint=(
            "aws service-quotas request-service-quota-increase --service-code vpc"
            f" --quota-code {VPCS} --desired-value {there + 1} --region {account.region}"
            " (or another --region, or delete one)"
        ),
    )


def checked(stack: StackPlan) -> StackPlan:
    """Return the stack if its parameters can travel.

    Raises:
        UsageError: One of them is larger than CloudFormation takes.
    """
    for name, value in stack.parameters:
        if (size := len(value.encode())) > MOST_BYTES:
            raise UsageError(
                f"the {stack.part} stack's parameter {name} is too large",
                why=f"{size:,} bytes; CloudFormation takes {MOST_BYTES:,}",
                hint="a shorter list of packages, or one in a file: --packages requirements.txt",
            )
    return stack
