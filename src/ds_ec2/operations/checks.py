"""Each of `doctor`'s checks: what it asks, what it found, and what mends it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.images import public_parameter
from ds_ec2.aws.quotas import quota_code
from ds_ec2.model.health import Check, CheckState
from ds_ec2.model.names import NETWORK_STACK, NetworkOutput
from ds_ec2.operations import catalogue
from ds_ec2.operations.archives import value_of
from ds_ec2.operations.choice import region_catalogue
from ds_ec2.operations.documents import read_document
from ds_ec2.operations.facts import not_sold, owner_of
from ds_ec2.operations.leftovers import forgotten
from ds_ec2.operations.permissions import failure, line, refused, simulate
from ds_ec2.operations.planning import MOST_BYTES, check_quota, no_vpc
from ds_ec2.policy.actions import OPERATIONS

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.aws.sts import Caller
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.offers import Market
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.machines import Inventory

_BROKEN: Final = ("ROLLBACK_COMPLETE", "FAILED")
_REACHED_S: Final = 5.0
_MOST_TEMPLATE_BYTES: Final = 51_200
"""Of a TemplateBody.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""


def permissions(account: Account, caller: Caller, request: UpRequest, there: Inventory) -> Check:
    """Whether IAM would allow all that `up` does, as its simulator says."""
    found = simulate(account, caller, owner_of(request, caller))
    if found.unchecked:
        return Check("permissions", CheckState.UNKNOWN, f"not checked: {found.unchecked}")
    network = there.named(NETWORK_STACK)
    steps = [step for step in OPERATIONS["up"] if step != "network" or not (network and network.usable)]
    denials = refused(found, steps)
    if error := failure(denials):
        return Check("permissions", CheckState.FAILED, error.why, error.hint)
    if denials:
        return Check("permissions", CheckState.WARNING, "\n".join(map(line, denials)))
    unclear = f"; {len(found.unclear)} depend on what is not known beforehand" if found.unclear else ""
    said = f"IAM would allow {found.asked - len(found.unclear)} actions of `up`{unclear}"
    return Check("permissions", CheckState.OK, said)


def stacks(account: Account, found: Inventory) -> Check:
    """Whether a stack of ours is broken."""
    broken = [stack for stack in found.stacks if stack.status.endswith(_BROKEN)]
    if not broken:
        return Check("stacks", CheckState.OK, f"{len(found.stacks)}, none of them broken")
    names = ", ".join(f"{stack.name} ({stack.status})" for stack in broken)
    fix = f"ds-ec2 ls{account.flags} names them; up makes one again, down removes it"
    return Check("stacks", CheckState.WARNING, names, fix)


def network(account: Account, found: Inventory) -> Check:
    """Whether the network is there, or there is room for its VPC."""
    if stack := found.named(NETWORK_STACK):
        return Check("network", CheckState.OK, f"{stack.name} ({stack.status})")
    there, most = account.quotas.vpcs()
    if there >= most:
        raise no_vpc(account, there, most)
    told = f"none yet; the region has {there} of {most:g} VPCs, and no Elastic IP is needed"
    return Check("network", CheckState.OK, told)


def sold(account: Account, name: str) -> Check:
    """Which zones sell the type."""
    zones = account.instance_types.zones([name]).get(name, ())
    if not zones:
        raise not_sold(account, name, region_catalogue(account))
    return Check("type", CheckState.OK, f"{name} is sold in {', '.join(zones)}")


def quota(account: Account, kind: InstanceType, market: Market) -> Check:
    """Whether the quota has room for one more."""
    code = quota_code(kind.name, market)
    found = account.quotas.room([code]).verdict(kind, market)
    if found.limit is None:
        why = f"{code} could not be read" if code else f"no known quota of {kind.name}"
        return Check("quota", CheckState.UNKNOWN, f"{why}: EC2 has the last word")
    check_quota(account, found, kind, market)
    free = found.limit - found.used
    return Check(
        "quota", CheckState.OK, f"{kind.name} needs {kind.vcpus} vCPU, {free:g} are free ({found.code})"
    )


def image(account: Account, request: UpRequest, kind: InstanceType) -> Check:
    """Whether the image is there and has the type's architecture."""
    found = account.ec2.image(request.image, "--image") if request.image else account.images.newest(kind)
    if found.architecture not in kind.architectures:
        return Check(
            "image",
            CheckState.FAILED,
            f"{found.id} is {found.architecture}, {kind.name} is {', '.join(kind.architectures)}",
            f"leave --image out: {public_parameter(kind)} is looked up",
        )
    return Check("image", CheckState.OK, f"{found.name} ({found.id})")


def sizes(request: UpRequest) -> Check:
    """Whether templates, the machine's code and the packages are small enough to travel."""
    from ds_ec2.templates import code, template

    largest = max(len(template(part).encode()) for part in ("network", "data", "machine"))
    packages = len(value_of(read_document(request.packages), "ds-ec2-owner-name").encode())
    codes = max(len(text.encode()) for text in code().values())
    told = f"templates {largest:,} of {_MOST_TEMPLATE_BYTES:,} bytes, packages {packages:,} of {MOST_BYTES:,}"
    if largest > _MOST_TEMPLATE_BYTES or max(packages, codes) > MOST_BYTES:
        return Check("sizes", CheckState.FAILED, told, "a shorter list: --packages requirements.txt")
    return Check("sizes", CheckState.OK, told)


def sessions(account: Account) -> Check:
    """Whether this computer reaches Session Manager's data channels."""
    host, port = account.sessions.stream_address()
    proxy = next((name for name in ("HTTPS_PROXY", "https_proxy") if os.environ.get(name)), "")
    if proxy and not account.endpoint:
        told = f"not checked: {host} is reached through the proxy that {proxy} names"
        return Check("sessions", CheckState.UNKNOWN, told)
    try:
        socket.create_connection((host, port), _REACHED_S).close()
    except OSError as error:
        fix = f"curl -sS https://{host}/ (a firewall has to let it through, with websockets)"
        return Check("sessions", CheckState.FAILED, f"{host}:{port} is not reached: {error}", fix)
    return Check("sessions", CheckState.OK, f"{host}:{port} answers")


def leftovers(account: Account, found: Inventory) -> Check:
    """What carries our tags and belongs to nothing."""
    left = forgotten(account, found)
    lost = [one for one in left if not one.meant]
    kept = [one for one in left if one.meant]
    cost = sum(one.usd_per_month or 0 for one in left)
    words = [f"{one.kind} {one.id}" for one in lost]
    if kept:
        words.append(f"{len(kept)} snapshot{'s' if len(kept) > 1 else ''} that were kept")
    told = ", ".join(words) or "none"
    price = f"; ${cost:.2f} a month at most" if cost else ""
    if not lost:
        return Check("leftovers", CheckState.OK, told + price)
    verbs = {
        "instance": "terminate-instances --instance-ids",
        "volume": "delete-volume --volume-id",
        "snapshot": "delete-snapshot --snapshot-id",
    }
    fix = "\n".join(f"aws ec2 {verbs[one.kind]} {one.id} --region {account.region}" for one in lost)
    return Check("leftovers", CheckState.WARNING, told + price, fix)


def launch(account: Account, request: UpRequest, kind: InstanceType, found: Inventory) -> Check:
    """Whether EC2 would launch, asked without launching."""
    there = found.named(NETWORK_STACK)
    subnets = there.outputs.get(NetworkOutput.SUBNETS, "") if there else ""
    if not subnets:
        return Check("launch", CheckState.UNKNOWN, "EC2 can be asked when there is a network")
    image_id = request.image or account.images.newest(kind).id
    account.ec2.may_launch(kind.name, image_id, subnets.split(",")[0])
    return Check("launch", CheckState.OK, f"EC2 would launch {kind.name} (a dry run)")


def known(account: Account) -> Check:
    """How old the catalogue is."""
    found = region_catalogue(account)
    note = catalogue.age_note(found)
    if not found.zones:
        note = f"nothing is known of {account.region}"
    fix = f"ds-ec2 catalog refresh{account.flags}" if note else ""
    detail = note or f"prices of {found.priced_on}"
    return Check("catalogue", CheckState.WARNING if note else CheckState.OK, detail.partition(";")[0], fix)
