"""`up --offline --dry-run`: a plan from the catalogue alone, for a price without an account."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ds_ec2.aws.images import public_parameter
from ds_ec2.bill.costs import machine_bill, network_bill
from ds_ec2.config.settings import load_settings
from ds_ec2.errors import UsageError
from ds_ec2.model.names import NETWORK_STACK, data_stack, machine_stack, owner_slug
from ds_ec2.model.plans import Image, StackAction, StackPlan, UpPlan
from ds_ec2.operations import catalogue
from ds_ec2.operations.archives import value_of
from ds_ec2.operations.choice import Choice
from ds_ec2.operations.disks import usual_root_gib
from ds_ec2.operations.documents import read_document
from ds_ec2.operations.limits import check_request
from ds_ec2.operations.market import market_notes
from ds_ec2.operations.offers import USUAL_ZONES
from ds_ec2.operations.wished import wished_offers

if TYPE_CHECKING:
    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.requests import UpRequest

_NOBODY = "you"
"""The owner, where nobody is asked who it is."""


def plan_up_offline(region: str, request: UpRequest, *, local: bool = False) -> UpPlan:
    """Return what `up` would do in an account where nothing is yet. Nobody is asked.

    Raises:
        UsageError: The request is wrong, or names what the catalogue does not know.
        DsEc2Error: Nothing meets the wish.
    """
    check_request(request)
    document = read_document(request.packages)
    found = catalogue.load(region, local=local)
    offers = wished_offers(region, request, local=local)
    choice = Choice.of(offers.offers[0]) if offers else Choice(request.instance_type)
    request = replace(request, instance_type=choice.name)
    kind = _known(found, request.instance_type)
    zones = found.zones[kind.name]
    if request.zone not in {None, *zones}:
        raise UsageError(
            f"{request.zone} does not sell {kind.name}",
            why=f"these do: {', '.join(zones)}",
            hint=f"--zone {zones[0]}",
        )
    owner = owner_slug(request.owner or load_settings().owner or _NOBODY)
    parameter = request.image or public_parameter(kind)
    root = request.root_gib or usual_root_gib(kind)
    disks = root + request.data_gib
    price = choice.price or found.price(kind)
    bill = machine_bill(kind.name, price, disks, region, choice.market)
    notes = [
        "offline: nobody was asked for quotas, capacity, or what there is already",
        catalogue.age_note(found),
    ]
    plan = UpPlan(
        request=request,
        owner=owner,
        account_id="",
        region=region,
        zone=request.zone or (choice.zones or zones)[0],
        type=kind,
        image=Image(request.image or "", parameter, kind.architectures[0], "", 0, parameter),
        root_gib=root,
        data_gib=request.data_gib,
        network=StackPlan(NETWORK_STACK, "network", StackAction.MAKE),
        data=StackPlan(data_stack(owner, request.name), "data", StackAction.MAKE),
        machine=StackPlan(machine_stack(owner, request.name), "machine", StackAction.MAKE),
        packages=value_of(document, machine_stack(owner, request.name)),
        document=document,
        market=choice.market,
        price=price,
        on_demand=found.price(kind),
        bill=bill + network_bill(request.way_out, USUAL_ZONES, region),
        offers=offers,
        notes=tuple(filter(None, notes)),
    )
    return replace(plan, notes=(*plan.notes, *market_notes(plan)))


def _known(found: Catalogue, name: str) -> InstanceType:
    kind = found.type(name)
    if kind and name in found.zones:
        return kind
    near = found.near(name)
    raise UsageError(
        f"{found.region} does not sell {name}" if kind else f"the catalogue has no instance type {name!r}",
        why=f"near are {', '.join(near)}" if near else "",
        hint=f"--instance-type {near[0]}" if near else "ds-ec2 offers --offline",
    )
