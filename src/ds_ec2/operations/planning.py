"""The parts of an `up` plan: each a reading or a decision of its own."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import NoSuchThingError
from ds_ec2.aws.images import ARCHITECTURES
from ds_ec2.catalog.prices import usd_per_hour
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.names import DataParameter, check_name
from ds_ec2.model.requests import DEFAULT_TYPE
from ds_ec2.operations.disks import ROOT_ROOM_GIB
from ds_ec2.operations.machines import inventory, owner_of
from ds_ec2.operations.network import check_cidr

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Stack
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.plans import Image, Quota
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.machines import Inventory

_MOST_IDLE_MINUTES: Final = 7 * 24 * 60
_MOST_MINUTES: Final = 365 * 24 * 60


def check_request(request: UpRequest) -> None:
    """Check what can be checked without asking AWS.

    Raises:
        UsageError: A value cannot be right.
    """
    check_name(request.name)
    check_cidr(request.vpc_cidr)
    if not re.fullmatch(r"3\.[0-9]{1,2}", request.python):
        raise UsageError(f"{request.python!r} is no Python version", hint="--python 3.12")
    if not 0 <= request.idle_minutes <= _MOST_IDLE_MINUTES:
        raise UsageError(
            f"{request.idle_minutes} minutes cannot be",
            why="0 (never) to one week",
            hint="--idle-timeout 60m",
        )
    if not 0 <= request.max_minutes <= _MOST_MINUTES:
        raise UsageError(
            f"{request.max_minutes} minutes cannot be", why="0 (never) to one year", hint="--max-duration 8h"
        )
    if request.image and not re.fullmatch(r"ami-[0-9a-f]{8,17}", request.image):
        raise UsageError(f"{request.image!r} is no image id", hint="--image ami-0123456789abcdef0")
    for size, option in ((request.data_gib, "--data-gib"), (request.root_gib or 8, "--root-gib")):
        # Source: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html (gp3: 1 GiB to 16 TiB)
        if not 1 <= size <= 16384:
            raise UsageError(f"{option} {size} cannot be", why="a gp3 volume has 1 to 16,384 GiB")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the first round of calls told.

    Args:
        account_id: AWS account.
        owner: Short name of the owner.
        type: The instance type.
        sellers: Zones that sell it, sorted; never empty.
        zones: All zones of the region, sorted.
        inventory: Stacks and instances that are there.
    """

    account_id: str
    owner: str
    type: InstanceType
    sellers: tuple[str, ...]
    zones: tuple[str, ...]
    inventory: Inventory


def read_facts(account: Account, request: UpRequest) -> Facts:
    """Ask everything that depends on nothing else, at once.

    Raises:
        UsageError: The instance type does not exist, or is not sold in this region.
    """
    with ThreadPoolExecutor(6) as pool:
        caller = pool.submit(account.identity.caller)
        owner = pool.submit(owner_of, account, request.owner)
        kind = pool.submit(read_type, account, request.instance_type)
        sellers = pool.submit(account.ec2.zones_selling, request.instance_type)
        zones = pool.submit(account.ec2.zones)
        found = pool.submit(inventory, account)
    # The first error in this order is told: whoever has no credentials hears of them, and not of a type.
    facts = Facts(
        account_id=caller.result().account_id,
        owner=owner.result(),
        type=kind.result(),
        sellers=sellers.result(),
        zones=zones.result(),
        inventory=found.result(),
    )
    if not facts.sellers:
        raise not_sold(account, request.instance_type, known=True)
    return facts


def read_type(account: Account, name: str) -> InstanceType:
    """Describe the instance type.

    Raises:
        UsageError: There is none of that name, or not in this region; near names are given.
    """
    try:
        return account.ec2.instance_type(name)
    except NoSuchThingError:
        known = usd_per_hour(name, None, account.region) is not None
        raise not_sold(account, name, known=known) from None


def not_sold(account: Account, name: str, *, known: bool) -> UsageError:
    """Return the error for a type that this region does not sell, or that is `known` nowhere."""
    near = get_close_matches(name.lower(), set(account.ec2.type_names()) - {name}, n=3, cutoff=0.5)
    hint = f"ds-ec2 up --instance-type {near[0] if near else DEFAULT_TYPE}{account.flags}"
    what = f"{account.region} does not sell {name}" if known else f"there is no instance type {name!r}"
    why = f"near are {', '.join(near)}" if near else ""
    return UsageError(what, why=why, hint=f"another --region, or {hint}" if known else hint)


def read_image(account: Account, request: UpRequest, kind: InstanceType) -> Image:
    """Return the image: the one that was named, or the newest that fits.

    Raises:
        UsageError: The named one does not exist, or has another architecture.
    """
    if request.image is None:
        return account.images.newest(kind)
    try:
        image = account.ec2.image(request.image, "--image")
    except NoSuchThingError as error:
        raise UsageError(
            f"there is no image {request.image} in {account.region}",
            why=error.why,
            hint="leave --image out: the newest that fits is looked up",
        ) from error
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
    """Return the zones that sell the type, the one of the data or the one asked for first."""
    wanted = data.parameters.get(DataParameter.ZONE) if data else request.zone
    return (wanted, *sellers) if wanted in sellers and wanted else sellers


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


def read_quota(account: Account, kind: InstanceType) -> Quota | None:
    """Return the verdict on the quota; None where the caller may not read quotas: EC2 has the last word."""
    try:
        return account.quotas.verdict(kind)
    except DsEc2Error:
        return None


def check_quota(account: Account, quota: Quota | None, kind: InstanceType) -> None:
    """Refuse what the quota cannot carry, before anything is made.

    Raises:
        DsEc2Error: The quota is too small, with the command that asks for more.
    """
    if quota is None or quota.enough:
        return
    wanted = quota.used + quota.needed
    raise DsEc2Error(
        f"the account may not run {kind.name}",
        why=f"it needs {quota.needed} vCPU; {quota.used} of {quota.limit:g} are in use (quota {quota.code})",
        hint=(
            "aws service-quotas request-service-quota-increase --service-code ec2"
            f" --quota-code {quota.code} --desired-value {wanted} --region {account.region}"
        ),
    )
