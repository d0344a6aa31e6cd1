"""`doctor`: everything that would stop `up`, asked before anything is made; each failure with what mends it.

It only reads, but for one call that EC2 is told not to carry out (`DryRun`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.images import public_parameter
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.health import Check, CheckState, Health
from ds_ec2.model.names import NETWORK_STACK, NetworkOutput
from ds_ec2.operations import catalogue
from ds_ec2.operations.choice import region_catalogue
from ds_ec2.operations.facts import not_sold
from ds_ec2.operations.machines import inventory
from ds_ec2.operations.planning import check_quota
from ds_ec2.operations.wished import wished_offers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ec2.aws.account import Account
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.operations.machines import Inventory

_VPC_QUOTA: Final = "L-F678F1CE"
_USUAL_VPCS: Final = 5
"""Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"""
_BROKEN: Final = ("ROLLBACK_COMPLETE", "FAILED")


def examine(account: Account, request: UpRequest) -> Health:
    """Return what would stop `up` of this request in the account's region, and what mends it.

    Raises:
        UsageError: The request names what does not exist.
    """
    who = _told("credentials", lambda: _credentials(account))
    if who.state is CheckState.FAILED:
        return Health(account.region, (who,))
    try:
        offers = wished_offers(account.region, request, local=account.endpoint is not None)
    except UsageError:
        raise
    except DsEc2Error as error:
        return Health(account.region, (who, _failure("type", error)))
    name = offers.offers[0].type.name if offers else request.instance_type
    with ThreadPoolExecutor(6) as pool:
        found = pool.submit(inventory, account)
        stacks = pool.submit(_told, "stacks", lambda: _stacks(account, found.result()))
        vpcs = pool.submit(_told, "network", lambda: _network(account, found.result()))
        kind = pool.submit(account.instance_types.one, name)
        sold = pool.submit(_told, "type", lambda: _sold(account, name))
        quota = pool.submit(_told, "quota", lambda: _quota(account, kind.result()))
        image = pool.submit(_told, "image", lambda: _image(account, request, kind.result()))
        checks = [one.result() for one in (stacks, vpcs, sold, quota, image)]
    if all(check.state is not CheckState.FAILED for check in checks):
        checks.append(_told("launch", lambda: _launch(account, request, kind.result(), found.result())))
    return Health(account.region, (who, *checks, _catalogue(account)))


def examine_regions(account: Account, request: UpRequest) -> tuple[Health, ...]:
    """Return what `examine` finds in every region that is on for the account."""
    regions = account.ec2.regions()
    with ThreadPoolExecutor(4) as pool:
        return tuple(pool.map(lambda region: examine(account.elsewhere(region), request), regions))


def _told(name: str, ask: Callable[[], Check]) -> Check:
    """Return a check's result; what AWS refuses is a failed check."""
    try:
        return ask()
    except DsEc2Error as error:
        return _failure(name, error)


def _failure(name: str, error: DsEc2Error) -> Check:
    return Check(name, CheckState.FAILED, f"{error.what}: {error.why}".rstrip(": "), error.hint)


def _credentials(account: Account) -> Check:
    return Check("credentials", CheckState.OK, account.identity.caller().arn)


def _stacks(account: Account, found: Inventory) -> Check:
    broken = [stack for stack in found.stacks if stack.status.endswith(_BROKEN)]
    if not broken:
        return Check("stacks", CheckState.OK, f"{len(found.stacks)}, none of them broken")
    names = ", ".join(f"{stack.name} ({stack.status})" for stack in broken)
    fix = f"ds-ec2 ls{account.flags} names them; up makes one again, down removes it"
    return Check("stacks", CheckState.WARNING, names, fix)


def _network(account: Account, found: Inventory) -> Check:
    if stack := found.named(NETWORK_STACK):
        return Check("network", CheckState.OK, f"{stack.name} ({stack.status})")
    used = account.ec2.count_vpcs()
    limit = account.quotas.limit("vpc", _VPC_QUOTA)
    told = f"none yet; the region has {used} of {limit or _USUAL_VPCS:g} VPCs"
    if used < (limit or _USUAL_VPCS):
        return Check("network", CheckState.OK, f"{told}, one is left for it")
    fix = (
        "aws service-quotas request-service-quota-increase --service-code vpc"
        f" --quota-code {_VPC_QUOTA} --desired-value {used + 1} --region {account.region}"
    )
    return Check("network", CheckState.FAILED, told, fix)


def _sold(account: Account, name: str) -> Check:
    zones = account.instance_types.zones([name]).get(name, ())
    if not zones:
        raise not_sold(account, name, region_catalogue(account))
    return Check("type", CheckState.OK, f"{name} is sold in {', '.join(zones)}")


def _quota(account: Account, kind: InstanceType) -> Check:
    quota = account.quotas.verdict(kind)
    if quota.limit is None:
        why = f"no known quota of {kind.name}" if not quota.code else f"{quota.code} could not be read"
        return Check("quota", CheckState.UNKNOWN, f"{why}: EC2 has the last word")
    check_quota(account, quota, kind)
    free = quota.limit - quota.used
    return Check(
        "quota", CheckState.OK, f"{kind.name} needs {kind.vcpus} vCPU, {free:g} are free ({quota.code})"
    )


def _image(account: Account, request: UpRequest, kind: InstanceType) -> Check:
    image = account.ec2.image(request.image, "--image") if request.image else account.images.newest(kind)
    if image.architecture not in kind.architectures:
        return Check(
            "image",
            CheckState.FAILED,
            f"{image.id} is {image.architecture}, {kind.name} is {', '.join(kind.architectures)}",
            f"leave --image out: {public_parameter(kind)} is looked up",
        )
    return Check("image", CheckState.OK, f"{image.name} ({image.id})")


def _launch(account: Account, request: UpRequest, kind: InstanceType, found: Inventory) -> Check:
    """Ask EC2 whether the caller may launch, without launching."""
    network = found.named(NETWORK_STACK)
    subnets = network.outputs.get(NetworkOutput.SUBNETS, "") if network else ""
    if not subnets:
        return Check("launch", CheckState.UNKNOWN, "EC2 can be asked when there is a network")
    image = request.image or account.images.newest(kind).id
    account.ec2.may_launch(kind.name, image, subnets.split(",")[0])
    return Check("launch", CheckState.OK, f"EC2 would launch {kind.name} (a dry run)")


def _catalogue(account: Account) -> Check:
    found = region_catalogue(account)
    note = catalogue.age_note(found)
    if not found.zones:
        note = f"nothing is known of {account.region}"
    fix = f"ds-ec2 catalog refresh{account.flags}" if note else ""
    detail = note or f"prices of {found.priced_on}"
    return Check("catalogue", CheckState.WARNING if note else CheckState.OK, detail.partition(";")[0], fix)
