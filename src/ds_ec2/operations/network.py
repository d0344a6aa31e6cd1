"""`network up|show|down`: the stack that all machines of a region share."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import NoSuchThingError
from ds_ec2.aws.images import plain_parameter
from ds_ec2.bill.costs import network_bill
from ds_ec2.bill.totals import usd_now
from ds_ec2.errors import DsEc2Error, NotFoundError
from ds_ec2.model.defaults import WayOut
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import (
    NETWORK_STACK,
    TAG_PART,
    MachineParameter,
    NetworkOutput,
    NetworkParameter,
)
from ds_ec2.model.plans import Network, NetworkDownPlan, NetworkPlan, StackAction, StackPlan
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.limits import check_cidr
from ds_ec2.operations.machines import Inventory, inventory, machines_of
from ds_ec2.operations.spending import read_records, way_out_spent
from ds_ec2.operations.stacks import action_for, check_removable, make_stack, remove_stack, stack_tags

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from ds_ec2.aws.account import Account
    from ds_ec2.aws.cloudformation import Stack
    from ds_ec2.model.requests import NetworkRequest

MOST_ZONES: Final = len(NetworkParameter.ZONES)
WAY_OUT_TYPE: Final = "t4g.nano"
WAY_OUT_PARAMETER: Final = plain_parameter("arm64")
"""The public parameter of its image: a t4g is an ARM machine."""
_WITHOUT_INSTANCE: Final = frozenset({MachineStatus.DATA_ONLY})


def plan_network_up(account: Account, request: NetworkRequest) -> NetworkPlan:
    """Return what `network up` would do. Only reads."""
    check_cidr(request.vpc_cidr)
    with ThreadPoolExecutor(4) as pool:
        caller = pool.submit(account.identity.caller)
        zones = pool.submit(account.ec2.zones)
        stack = pool.submit(account.stacks.find, NETWORK_STACK)
        images = pool.submit(account.parameters.get_all, [WAY_OUT_PARAMETER])
    chosen = network_zones(stack.result(), zones.result(), ())
    plan = plan_network_stack(account, stack.result(), chosen, request, images.result())
    return NetworkPlan(
        stack=plan,
        account_id=caller.result().account_id,
        region=account.region,
        zones=chosen,
        bill=network_bill(way_out_of(stack.result(), request.way_out), len(chosen), account.region),
        notes=network_notes(plan),
    )


def apply_network_up(account: Account, plan: NetworkPlan) -> Generator[Step, None, Network]:
    """Make the network, or wait for somebody else who makes it."""
    yield from make_network(account, plan.stack)
    return show_network(account)


def make_network(account: Account, plan: StackPlan) -> Generator[Step, None, Stack]:
    """Make the network stack and return it."""
    return (yield from make_stack(account, plan, dict(plan.parameters), stack_tags("network")))


def show_network(account: Account) -> Network:
    """Return the network with what its way out has cost.

    Raises:
        NotFoundError: There is none in this region.
    """
    found = read_records(account)
    network = network_of(account, found.inventory)
    way_out = found.instance(network.way_out_instance)
    return replace(network, spent=way_out_spent(account, way_out, found.volumes))


def network_of(account: Account, found: Inventory) -> Network:
    """Return the network of an inventory, as `show_network` does."""
    stack = found.named(NETWORK_STACK)
    if stack is None:
        raise NotFoundError(
            f"there is no network in {account.region}",
            hint=f"ds-ec2 network up{account.flags} (or ds-ec2 up{account.flags}, which makes it)",
        )
    outputs = stack.outputs
    way_out = outputs.get(NetworkOutput.WAY_OUT_INSTANCE, "")
    state = next((one.state for one in found.instances if one.id == way_out), "")
    zones = _split(outputs.get(NetworkOutput.ZONES, ""))
    bill = network_bill(way_out_of(stack, WayOut.NAT_INSTANCE), len(zones), account.region)
    return Network(
        region=account.region,
        stack_status=stack.status,
        vpc_id=outputs.get(NetworkOutput.VPC, ""),
        zones=zones,
        subnets=_split(outputs.get(NetworkOutput.SUBNETS, "")),
        security_group=outputs.get(NetworkOutput.SECURITY_GROUP, ""),
        bucket=outputs.get(NetworkOutput.BUCKET, ""),
        way_out=outputs.get(NetworkOutput.WAY_OUT, ""),
        way_out_instance=way_out,
        way_out_state=state,
        machines=machines_on(account, found, stack),
        bill=bill,
        usd_per_hour=usd_now(bill, state),
    )


def machines_on(account: Account, found: Inventory, network: Stack) -> tuple[str, ...]:
    """Return the names of the machines on the network; a machine with a network of its own does not count."""
    group = network.outputs.get(NetworkOutput.SECURITY_GROUP, "")
    on_it = {
        stack.name
        for stack in found.stacks
        if stack.parameters.get(MachineParameter.SECURITY_GROUP, _group_unless_told(stack, group)) == group
    }
    return tuple(
        machine.name
        for machine in machines_of(account, found)
        if machine.stack in on_it and machine.status not in _WITHOUT_INSTANCE
    )


def _group_unless_told(stack: Stack, group: str) -> str:
    """Return what a stack that names no security group stands for: only a machine stack is on the network."""
    return group if stack.tags.get(TAG_PART) == "machine" else ""


def plan_network_down(account: Account) -> NetworkDownPlan:
    """Return what `network down` would remove.

    Raises:
        DsEc2Error: Machines are on it (they are named).
        NotFoundError: There is none.
    """
    found = inventory(account)
    network = network_of(account, found)
    if network.machines:
        raise DsEc2Error(
            "the network is in use",
            why=f"on it: {', '.join(network.machines)}",
            hint=f"ds-ec2 down {network.machines[0]}{account.flags}",
        )
    check_removable(account, *filter(None, (found.named(NETWORK_STACK),)))
    objects = account.buckets.count(network.bucket) if network.bucket else 0
    stack = StackPlan(NETWORK_STACK, "network", StackAction.REMOVE, status=network.stack_status)
    return NetworkDownPlan(stack=stack, network=network, objects=objects)


def apply_network_down(account: Account, plan: NetworkDownPlan) -> Generator[Step, None, None]:
    """Empty the bucket and remove the stack."""
    if plan.network.bucket:
        begun = time.monotonic()
        yield Step("bucket", "empty the transit bucket", StepState.RUNNING)
        try:
            count = account.buckets.empty(plan.network.bucket)
        except NoSuchThingError:
            count = 0
        yield Step(
            "bucket",
            "empty the transit bucket",
            StepState.DONE,
            f"{count} objects",
            time.monotonic() - begun,
        )
    if stack := account.stacks.find(plan.stack.name):
        yield from remove_stack(account, stack, "network")


def network_zones(stack: Stack | None, zones: tuple[str, ...], sellers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the network's zones: those it has, or the first six with one at least that sells the type.

    Args:
        stack: The network stack, or None.
        zones: All zones of the region, sorted.
        sellers: Zones that the machine may go to, the wanted one first.
    """
    if stack and (made := [stack.parameters.get(name, "") for name in NetworkParameter.ZONES]) and any(made):
        return tuple(filter(None, made))
    chosen = zones[:MOST_ZONES]
    wanted = [zone for zone in sellers if zone in zones]
    if wanted and not set(wanted) & set(chosen):
        chosen = (*chosen[: MOST_ZONES - 1], wanted[0])
    return tuple(sorted(chosen))


def plan_network_stack(
    account: Account,
    stack: Stack | None,
    zones: tuple[str, ...],
    request: NetworkRequest,
    images: Mapping[str, str],
) -> StackPlan:
    """Return what has to be done about the network stack.

    Args:
        account: The account.
        stack: The one that is there, or None.
        zones: Its zones.
        request: What was asked.
        images: Public parameter to image id, the way out's among them.

    Raises:
        DsEc2Error: Its way out cannot be made.
    """
    action = action_for(stack, account)
    if action in {StackAction.KEEP, StackAction.WAIT} and stack:
        return StackPlan(NETWORK_STACK, "network", action, tuple(stack.parameters.items()), (), stack.status)
    if request.way_out is not WayOut.NAT_INSTANCE:
        raise DsEc2Error(
            f"a network with the way out {request.way_out.value!r} cannot be made yet",
            why=f"the network's template knows {WayOut.NAT_INSTANCE.value} alone",
            hint=f"leave way_out out, or set it to {WayOut.NAT_INSTANCE.value}",
        )
    image_id = images.get(WAY_OUT_PARAMETER)
    if not image_id:
        raise DsEc2Error(
            f"{account.region} has no image for the way out",
            why=f"the public parameter {WAY_OUT_PARAMETER} does not exist",
            hint="another --region",
        )
    padded = (*zones, *[""] * MOST_ZONES)[:MOST_ZONES]
    parameters = {
        NetworkParameter.VPC_CIDR: request.vpc_cidr,
        **dict(zip(NetworkParameter.ZONES, padded, strict=True)),
        NetworkParameter.WAY_OUT: request.way_out.value,
        NetworkParameter.WAY_OUT_IMAGE: image_id,
        NetworkParameter.WAY_OUT_TYPE: WAY_OUT_TYPE,
    }
    status = stack.status if stack else ""
    return StackPlan(NETWORK_STACK, "network", action, tuple(parameters.items()), (), status)


def network_notes(plan: StackPlan) -> tuple[str, ...]:
    """Return what a person should know about the network before saying yes."""
    match plan.action:
        case StackAction.MAKE:
            return ("the region's shared network is made first; it stays for other machines",)
        case StackAction.WAIT:
            return ("somebody is making the network just now; it is waited for",)
        case StackAction.REMAKE:
            return (f"the network stack is {plan.status}: what is left of it is removed first",)
        case _:
            return ()


def subnet_in(network: Stack, zone: str) -> str:
    """Return the network's subnet in a zone.

    Raises:
        DsEc2Error: It has none there.
    """
    zones = _split(network.outputs.get(NetworkOutput.ZONES, ""))
    subnets = _split(network.outputs.get(NetworkOutput.SUBNETS, ""))
    found = dict(zip(zones, subnets, strict=False)).get(zone)
    if not found:
        raise DsEc2Error(
            f"the network has no subnet in {zone}", why=f"its zones are {', '.join(zones)}", hint="--zone"
        )
    return found


def wake_way_out(account: Account, network: Stack | None) -> bool:
    """Start the NAT instance where it is stopped; return whether that was so."""
    instance_id = network.outputs.get(NetworkOutput.WAY_OUT_INSTANCE, "") if network else ""
    if not instance_id.startswith("i-"):
        return False
    try:
        stopped = account.ec2.instance(instance_id).state in {"stopped", "stopping"}
        if stopped:
            account.ec2.start(instance_id)
    except NoSuchThingError:
        return False
    return stopped


def way_out_of(stack: Stack | None, default: WayOut) -> WayOut:
    """Return the network's way out, or the one it will get."""
    word = ""
    if stack:
        word = stack.outputs.get(NetworkOutput.WAY_OUT) or stack.parameters.get(NetworkParameter.WAY_OUT, "")
    return WayOut(word) if word in set(WayOut) else default


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))
