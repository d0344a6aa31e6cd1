"""`up`: from a request to a plan that can be read, and from the plan to a machine."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.bill.costs import machine_bill, network_bill
from ds_ec2.catalog.prices import snapshot
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.machine import Machine, MachineStatus
from ds_ec2.model.names import (
    NETWORK_STACK,
    DataParameter,
    MachineParameter,
    NetworkOutput,
    data_stack,
    machine_stack,
)
from ds_ec2.model.plans import StackAction, StackPlan, UpPlan
from ds_ec2.model.requests import NetworkRequest, UpRequest
from ds_ec2.operations import planning
from ds_ec2.operations.archives import key_of, value_of
from ds_ec2.operations.attempts import Known, attempts_of
from ds_ec2.operations.bootstrap import JUPYTER, READY, follow_boot
from ds_ec2.operations.capacity import get_machine
from ds_ec2.operations.catalogue import age_note
from ds_ec2.operations.choice import choose, region_catalogue
from ds_ec2.operations.documents import read_document
from ds_ec2.operations.facts import read_facts
from ds_ec2.operations.limits import check_request
from ds_ec2.operations.machines import list_machines, machines_of
from ds_ec2.operations.market import market_notes
from ds_ec2.operations.network import (
    make_network,
    network_notes,
    plan_network_stack,
    wake_way_out,
    way_out_of,
)
from ds_ec2.operations.permissions import check_allowed, line, refused, steps_of
from ds_ec2.operations.places import Places
from ds_ec2.operations.snapshots import begin_with_snapshot, snapshot_notes
from ds_ec2.operations.spot import SpotWords, with_spot
from ds_ec2.operations.stacks import action_for
from ds_ec2.operations.wished import candidates, offers_of_now

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Stack
    from ds_ec2.model.plans import Image
    from ds_ec2.model.steps import Step
    from ds_ec2.operations.machines import Inventory

_LATER: Final = (
    MachineParameter.SUBNET,
    MachineParameter.SECURITY_GROUP,
    MachineParameter.BUCKET,
    MachineParameter.DATA_VOLUME,
)


def plan_up(account: Account, request: UpRequest) -> UpPlan:
    """Return what `up` would do. Only reads, in two rounds of parallel calls.

    Raises:
        UsageError: The request is wrong: an unknown type, an image of another architecture, a bad list.
        DsEc2Error: It cannot be done now: the name is taken, somebody else changes the stack.
    """
    check_request(request)
    request = begin_with_snapshot(account, request)
    document = read_document(request.packages)
    found = region_catalogue(account)
    names = candidates(account.region, request, local=account.endpoint is not None)
    facts = read_facts(account, request, found, names)
    offers = offers_of_now(found, request, facts)
    owner, there = facts.owner, facts.inventory
    machine = _machine_plan(account, there, owner, request.name)
    earlier = _earlier_packages(there, machine) if request.packages is None else ""
    packages = earlier or value_of(document, machine.name)
    kept = _kept(there.named(data_stack(owner, request.name)))
    network_there = there.named(NETWORK_STACK)
    places = Places(account, request, facts, found, kept)
    choice, offers = choose(offers, request, facts, places.zones)
    zone, zones = places.zones(choice)[0], places.network(choice)
    request, kind = replace(request, instance_type=choice.name), facts.types[choice.name]
    images = planning.read_images(account, request, facts.images)
    image = planning.fitting_image(request, kind, images) or account.images.newest(kind)
    wanted = NetworkRequest(request.way_out, request.vpc_cidr)
    network = plan_network_stack(account, network_there, zones, wanted, facts.images)
    planning.check_vpcs(account, network, facts.vpcs)
    root = planning.root_gib(request, image)
    data = _data_plan(account, there, request, owner, zone)
    data_gib = int(dict(data.parameters).get(DataParameter.SIZE_GIB, request.data_gib))
    parameters = _machine_parameters(request, owner, image, root, packages)
    parameters[MachineParameter.MARKET] = choice.market.value
    price = choice.price or found.price(kind)
    way_out = network_bill(way_out_of(network_there, request.way_out), len(zones), account.region)
    plan = UpPlan(
        request=request,
        owner=owner,
        account_id=facts.account_id,
        region=account.region,
        zone=zone,
        type=kind,
        image=image,
        root_gib=root,
        data_gib=data_gib,
        network=network,
        data=data,
        machine=planning.checked(replace(machine, parameters=tuple(parameters.items()))),
        packages=packages,
        document=None if earlier else document,
        market=choice.market,
        price=price,
        on_demand=found.price(kind),
        bill=machine_bill(kind.name, price, root + data_gib, account.region, choice.market) + way_out,
        quota=facts.room.verdict(kind, choice.market) if facts.room else None,
        offers=offers,
        denied=refused(
            facts.permissions.result(),
            steps_of(network, data, machine, packages=packages, market=choice.market),
        ),
    )
    plan = replace(
        plan, attempts=attempts_of(plan, Known(facts, images, lambda one: places.zones(one, zones)))
    )
    return replace(
        plan, notes=(*_notes(account, plan), *market_notes(plan, facts), *filter(None, [age_note(found)]))
    )


def check_plan(account: Account, plan: UpPlan) -> None:
    """Refuse what cannot be made now, before anybody is asked whether to make it.

    Raises:
        DsEc2Error: The quota is too small, or IAM would deny something.
    """
    planning.check_quota(account, plan.quota, plan.type, plan.market)
    check_allowed(plan.denied)


def apply_up(account: Account, plan: UpPlan) -> Generator[Step, None, Machine]:
    """Make what the plan says and return the machine, with its bootstrap stages.

    Steps: `network`, `data`, `machine`, then `stage:<name>`, as they happen. It ends when JupyterLab answers
    (with `request.wait_ready`: when the package list is done). Closing the generator leaves stacks that the
    next `up` finishes.

    Raises:
        DsEc2Error: A stack failed (with AWS's reason; nothing half-made stays), or JupyterLab did not start.
    """
    from ds_ec2.templates import code

    check_plan(account, plan)
    name = plan.request.name
    network = yield from make_network(account, plan.network)
    wake_way_out(account, network)
    if plan.document and (key := key_of(plan.document, plan.machine.name)):
        account.buckets.put(network.outputs[NetworkOutput.BUCKET], key, plan.document.archive)
    # The machine's code is no part of the plan: nobody wants to read it.
    parameters = dict(plan.machine.parameters) | code()
    machine = yield from get_machine(account, plan, network, parameters)
    until = READY if plan.request.wait_ready else JUPYTER
    stages = yield from follow_boot(account, machine.name, name, until=until)
    made = with_spot(_made(account, machine), SpotWords.of(plan))
    return replace(made, stages=stages)


def _made(account: Account, stack: Stack) -> Machine:
    """Return the machine of a stack, patient with an API that knows of it a moment later."""
    for _ in range(5):
        for machine in list_machines(account):
            if machine.stack == stack.name:
                return machine
        time.sleep(account.poll_s)
    raise DsEc2Error(f"{stack.name} vanished while it was made", hint=f"ds-ec2 ls{account.flags}")


def _machine_plan(account: Account, found: Inventory, owner: str, name: str) -> StackPlan:
    """Return what to do about the machine stack, without its parameters.

    Raises:
        DsEc2Error: The machine is there already, or somebody else changes its stack.
    """
    stack = found.named(machine_stack(owner, name))
    action = action_for(stack, account)
    if action is StackAction.KEEP:
        action = _remake_if_gone(account, found, owner, name)
    return StackPlan(
        name=machine_stack(owner, name),
        part="machine",
        action=action,
        later=_LATER,
        status=stack.status if stack else "",
    )


def _remake_if_gone(account: Account, found: Inventory, owner: str, name: str) -> StackAction:
    (machine,) = (one for one in machines_of(account, found) if (one.owner, one.name) == (owner, name))
    if machine.status is MachineStatus.GONE:
        return StackAction.REMAKE
    verb = "start" if machine.status is MachineStatus.STOPPED else "lab"
    raise DsEc2Error(
        f"{name} exists already",
        why=f"it is {machine.status.value}, {machine.instance_type} in {machine.zone}",
        hint=f"ds-ec2 {verb} {name}{account.flags} (or another name: ds-ec2 up {name}2{account.flags})",
    )


def _earlier_packages(found: Inventory, plan: StackPlan) -> str:
    """Return what the machine had that is made again; empty where none is, or it had none of its own."""
    stack = found.named(plan.name) if plan.action is StackAction.REMAKE else None
    return stack.parameters.get(MachineParameter.PACKAGES, "") if stack else ""


def _kept(data: Stack | None) -> Stack | None:
    """Return the data stack where its volume can be used."""
    return data if data and (data.usable or data.status == "CREATE_IN_PROGRESS") else None


def _data_plan(account: Account, found: Inventory, request: UpRequest, owner: str, zone: str) -> StackPlan:
    name = data_stack(owner, request.name)
    there = found.named(name)
    parameters = {
        DataParameter.NAME: request.name,
        DataParameter.OWNER: owner,
        DataParameter.ZONE: zone,
        DataParameter.SIZE_GIB: str(request.data_gib),
        DataParameter.SNAPSHOT: request.snapshot or "",
        DataParameter.INITIALIZATION_RATE: str(request.initialization_rate or ""),
    }
    kept = _kept(there)
    if kept and request.snapshot not in {None, kept.parameters.get(DataParameter.SNAPSHOT)}:
        raise UsageError(
            f"{request.name} has a data volume already",
            why=f"the stack {name} holds it; a snapshot is what a new one begins with",
            hint=f"ds-ec2 up {request.name}-2 --snapshot {request.snapshot}{account.flags}",
        )
    if kept:
        parameters |= kept.parameters
    status = there.status if there else ""
    return StackPlan(name, "data", action_for(there, account), tuple(parameters.items()), (), status)


def _machine_parameters(
    request: UpRequest, owner: str, image: Image, root: int, packages: str
) -> dict[str, str]:
    return {
        MachineParameter.NAME: request.name,
        MachineParameter.OWNER: owner,
        MachineParameter.INSTANCE_TYPE: request.instance_type,
        MachineParameter.IMAGE: image.id,
        MachineParameter.ROOT_DEVICE: image.root_device,
        MachineParameter.ROOT_GIB: str(root),
        MachineParameter.PACKAGES: packages,
        MachineParameter.PYTHON: request.python,
        MachineParameter.DOCKER: "yes" if request.docker else "no",
        MachineParameter.IDLE_MINUTES: str(request.idle_minutes),
        MachineParameter.IDLE_THRESHOLDS: ",".join(
            f"{key}={value:g}" for key, value in request.idle_thresholds
        ),
        MachineParameter.MAX_MINUTES: str(request.max_minutes),
    }


def _notes(account: Account, plan: UpPlan) -> tuple[str, ...]:
    notes = list(network_notes(plan.network))
    if plan.data.action is StackAction.KEEP:
        notes.append(f"the data of an earlier {plan.request.name} is used again")
    notes += snapshot_notes(plan.request, plan.data)
    if plan.document is None:
        notes.append(f"it gets the packages of the {plan.request.name} that is gone")
    if plan.machine.action is StackAction.WAIT:
        notes.append("an `up` of this name is under way: it is finished, with the settings it began with")
    if plan.machine.action is StackAction.REMAKE:
        notes.append(f"what is left of {plan.machine.name} ({plan.machine.status}) is removed first")
    if plan.quota and not plan.quota.enough:
        more = planning.more_quota(account, plan.type, plan.market)
        notes.append(f"the quota {plan.quota.code} is too small: this cannot be made now; {more}")
    notes += map(line, plan.denied)
    if plan.bill.approximate:
        prices = snapshot()
        notes.append(f"prices are those of {prices.region} on {prices.date}")
    return tuple(notes)
