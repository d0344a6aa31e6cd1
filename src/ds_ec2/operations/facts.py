"""What `up` has to know before it can plan: everything that depends on nothing else, asked at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import DeniedError
from ds_ec2.aws.images import public_parameter
from ds_ec2.aws.quotas import Room, quota_code, used
from ds_ec2.config.settings import load_settings
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.defaults import DEFAULT_TYPE
from ds_ec2.model.names import NETWORK_STACK, TAG_PART, owner_slug
from ds_ec2.model.offers import Market
from ds_ec2.model.permissions import Permissions
from ds_ec2.model.wishes import SpotPolicy
from ds_ec2.operations.machines import Inventory
from ds_ec2.operations.market import policy_of
from ds_ec2.operations.network import WAY_OUT_PARAMETER
from ds_ec2.operations.permissions import failure, refused, simulate
from ds_ec2.policy.actions import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.sts import Caller
    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.requests import UpRequest

_STANDING: Final = ("pending", "running", "stopping", "stopped")

ON_DEMAND: Final = SpotPolicy.ON_DEMAND
_MOST_SPOT_QUOTAS: Final = 2


@dataclass(frozen=True, slots=True)
class Facts:
    """What the first round of calls told.

    Args:
        account_id: AWS account.
        owner: Short name of the owner.
        types: Those of the candidates that the region knows, by name.
        sellers: Candidate to the zones that sell it, sorted.
        zones: All zones of the region, sorted.
        inventory: Stacks and instances that are there.
        room: What the account may run; None where the caller may not read quotas: EC2 has the last word.
        images: Public parameter to image id, for the candidates and the way out.
        candidates: Names of the types that were asked about, cheapest first.
        spot: Candidate to zone to the spot price of now; empty where nobody wished for it, None where the
            caller may not read it.
        permissions: What IAM's simulator says, when it has said it: the next round need not wait for it.
        vpcs: VPCs that there are, and that there may be, as `permissions`; None where nobody counted.
    """

    account_id: str
    owner: str
    types: Mapping[str, InstanceType]
    sellers: Mapping[str, tuple[str, ...]]
    zones: tuple[str, ...]
    inventory: Inventory
    room: Room | None
    images: Mapping[str, str]
    candidates: tuple[str, ...]
    spot: Mapping[str, Mapping[str, float]] | None
    permissions: Future[Permissions]
    vpcs: Future[tuple[int, float]] | None


def read_facts(account: Account, request: UpRequest, found: Catalogue, candidates: tuple[str, ...]) -> Facts:
    """Ask everything that depends on nothing else, at once.

    The catalogue says which images and quotas the candidates will want, so that these too are asked now.

    Args:
        account: The account.
        request: What was asked.
        found: What is known of the region.
        candidates: Names of instance types that the machine may be of.
    """
    known = [kind for name in candidates if (kind := found.type(name))]
    policy = policy_of(request)
    slow = ThreadPoolExecutor(2)
    with ThreadPoolExecutor(9) as pool:
        caller = pool.submit(account.identity.caller)
        types = pool.submit(account.instance_types.describe, candidates)
        sellers = pool.submit(account.instance_types.zones, candidates)
        zones = pool.submit(account.ec2.zones)
        stacks = pool.submit(account.stacks.tagged)
        instances = pool.submit(account.ec2.instances, {"instance-state-name": list(_STANDING)})
        limits = pool.submit(_read_limits, account, codes := _quota_codes(policy, candidates))
        spot = pool.submit(_read_spot_prices, account, candidates if policy is not ON_DEMAND else ())
        images = pool.submit(account.parameters.get_all, [WAY_OUT_PARAMETER, *_parameters(request, known)])
        permissions = slow.submit(_simulate, account, request, caller)
    try:
        # The first error in this order is told: whoever has no credentials hears of them, and not of a type.
        identity, standing = caller.result(), instances.result()
        there = Inventory(stacks.result(), tuple(one for one in standing if TAG_PART in one.tags))
        # The number of calls has its limit: the spot market's prices are some, each quota, and a role's path.
        many = policy is not ON_DEMAND or (len(codes) > 1 and identity.role)
        counted = not many and not there.named(NETWORK_STACK)
        vpcs = slow.submit(account.quotas.vpcs) if counted else None
        allowed = limits.result()
        return Facts(
            account_id=identity.account_id,
            owner=owner_of(request, identity),
            types={kind.name: kind for kind in types.result()},
            sellers=sellers.result(),
            zones=zones.result(),
            inventory=there,
            room=None if allowed is None else Room(allowed, used(standing)),
            images=images.result(),
            candidates=candidates,
            spot=spot.result(),
            permissions=permissions,
            vpcs=vpcs,
        )
    except DeniedError as error:
        # Whoever may not do one thing may often not do others: all of them are told at once.
        denials = refused(permissions.result(), OPERATIONS["up"])
        if error.action in {one.action for one in denials} and (every := failure(denials)):
            raise every from error
        raise
    finally:
        slow.shutdown(wait=False)


def _simulate(account: Account, request: UpRequest, caller: Future[Caller]) -> Permissions:
    if not request.check_permissions:
        return Permissions(unchecked="--no-permission-check")
    identity = caller.result()
    return simulate(account, identity, owner_of(request, identity))


def owner_of(request: UpRequest, caller: Caller) -> str:
    """Return the short name of whoever owns what is made."""
    return owner_slug(request.owner or load_settings().owner or caller.name)


def not_sold(account: Account, name: str, found: Catalogue) -> UsageError:
    """Return the error for a type that this region does not sell, or that is known nowhere."""
    known = found.type(name) is not None
    near = found.near(name)
    hint = f"ds-ec2 up --instance-type {near[0] if near else DEFAULT_TYPE}{account.flags}"
    what = f"{found.region} does not sell {name}" if known else f"there is no instance type {name!r}"
    why = f"near are {', '.join(near)}" if near else ""
    return UsageError(what, why=why, hint=f"another --region, or {hint}" if known else hint)


def _parameters(request: UpRequest, kinds: Iterable[InstanceType]) -> set[str]:
    """Return the public parameters of the images that the candidates want."""
    names = set()
    for kind in kinds:
        try:
            names.add(public_parameter(kind))
        except DsEc2Error:
            continue  # there is no image for it: told when it is chosen
    return set() if request.image else names


def _quota_codes(policy: SpotPolicy, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Return the quotas to ask for: on the spot market the first ones of the cheapest, each is a call."""
    markets = [market for market in Market if policy in {market.value, SpotPolicy.AUTO}]
    codes = dict.fromkeys(quota_code(name, market) for name in candidates for market in markets)
    return tuple(codes) if policy is ON_DEMAND else tuple(codes)[:_MOST_SPOT_QUOTAS]


def _read_limits(account: Account, codes: tuple[str, ...]) -> dict[str, float | None] | None:
    try:
        return account.quotas.limits(codes)
    except DsEc2Error:
        return None


def _read_spot_prices(account: Account, names: tuple[str, ...]) -> Mapping[str, Mapping[str, float]] | None:
    try:
        return account.instance_types.spot_prices(names) if names else {}
    except DsEc2Error:
        return None
