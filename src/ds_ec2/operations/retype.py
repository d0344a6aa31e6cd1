"""Another type for a stopped machine: the same disks, a change of its stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.catalog.select import select
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.instances import AcceleratorKind
from ds_ec2.model.machine import MachineStatus
from ds_ec2.model.names import MachineParameter
from ds_ec2.model.plans import RetypePlan
from ds_ec2.model.wishes import GpuWish, Range, Wish
from ds_ec2.operations.choice import region_catalogue
from ds_ec2.operations.facts import not_sold
from ds_ec2.operations.machines import find
from ds_ec2.operations.stacks import change_stack

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.catalog.catalogue import Catalogue
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.offers import Offer
    from ds_ec2.model.steps import Step

_NAMED = 3
"""How many other types are named."""


def plan_retype(account: Account, name: str, instance_type: str) -> RetypePlan:
    """Return what `start --instance-type` would change. Only reads.

    Raises:
        UsageError: There is no such type here, or it cannot have the machine's disks.
        DsEc2Error: The machine is not stopped, or its stack is not ours to change.
    """
    machine = find(account, name)
    if machine.status is not MachineStatus.STOPPED:
        raise DsEc2Error(
            f"{machine.name} is {machine.status.value}",
            why="only a stopped machine gets another type",
            hint=f"ds-ec2 stop {machine.name}{account.flags}",
        )
    if machine.managed_by != "ds-ec2":
        raise DsEc2Error(
            f"{machine.name} was made with `cdk deploy`",
            why="its stack belongs to an app of yours",
            hint=f"set instance_type to {instance_type} there, and: cdk deploy",
        )
    found = region_catalogue(account)
    wanted = {instance_type, machine.instance_type}
    sellers = account.instance_types.zones((instance_type,)).get(instance_type, ())
    if not sellers:
        raise not_sold(account, instance_type, found)
    types = {one.name: one for one in account.instance_types.describe(tuple(sorted(wanted)))}
    kind, before = types[instance_type], types.get(machine.instance_type)
    if before and not set(kind.architectures) & set(before.architectures):
        raise UsageError(
            f"{kind.name} cannot start from the disks of {machine.name}",
            why=f"it is {', '.join(kind.architectures)}; they are for {', '.join(before.architectures)}",
            hint=_hint(account, machine, alternatives(found, before, machine.zone)),
        )
    if machine.zone not in sellers:
        raise UsageError(
            f"{machine.zone} does not sell {kind.name}",
            why=f"these do: {', '.join(sellers)}",
            hint=_hint(account, machine, alternatives(found, before or kind, machine.zone)),
        )
    return RetypePlan(machine, kind, found.price(kind))


def apply_retype(account: Account, plan: RetypePlan) -> Generator[Step, None, None]:
    """Change the type; the machine stays stopped, unless CloudFormation starts it.

    Raises:
        DsEc2Error: CloudFormation would replace something, or failed.
    """
    if plan.type.name == plan.machine.instance_type:
        return
    # Where the change starts it, it must not look for the hold that it was launched into.
    forget_hold(account, plan.machine)
    wanted = {MachineParameter.INSTANCE_TYPE: plan.type.name}
    yield from change_stack(account, plan.machine.stack, wanted, conditional=True)


def forget_hold(account: Account, machine: Machine) -> None:
    """Have a stopped machine start wherever there is room: the hold that it was launched into has gone."""
    if account.ec2.instance(machine.instance_id).reservation:
        account.capacity.let_start_anywhere(machine.instance_id)


def alternatives(found: Catalogue, kind: InstanceType, zone: str) -> tuple[Offer, ...]:
    """Return the cheapest other types of a zone that have at least what `kind` has, and its architecture."""
    devices = [one for one in kind.accelerators if one.kind is AcceleratorKind.GPU]
    gpu = None
    if devices:
        gigabytes = devices[0].memory_mib * 2**20 / 1e9
        gpu = GpuWish((devices[0].maker,), Range(gigabytes), Range(devices[0].total))
    wish = Wish(
        gpu=gpu,
        cpus=Range(kind.vcpus),
        memory_gib=Range(kind.memory_mib / 1024),
        architecture=kind.architectures[0],
        zone=zone,
    )
    offers = [one for one in select(found, wish).offers if one.type.name != kind.name]
    return tuple(offers[:_NAMED])


def _hint(account: Account, machine: Machine, offers: tuple[Offer, ...]) -> str:
    return "\n".join(start_as(account, machine, one.type.name) for one in offers)


def start_as(account: Account, machine: Machine, name: str) -> str:
    """Return the command that starts a machine as another type."""
    return f"ds-ec2 start {machine.name} --instance-type {name}{account.flags}"
