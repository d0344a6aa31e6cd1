"""Finding machines: stacks and tags are the only record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.cloudformation import GONE, REVIEWED, Stack
from ds_ec2.catalog.refreshed import price_of, read
from ds_ec2.config.paths import catalogue_dir
from ds_ec2.errors import DsEc2Error, NotFoundError, UsageError
from ds_ec2.model.machine import Machine, MachineStatus, Stopped
from ds_ec2.model.names import (
    TAG_MANAGED_BY,
    TAG_MAX_MINUTES,
    TAG_NAME,
    TAG_OWNER,
    TAG_PART,
    TAG_STOPPED_BECAUSE,
    DataParameter,
    MachineOutput,
    MachineParameter,
    owner_slug,
)
from ds_ec2.model.offers import Market

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.aws.ec2 import Instance
    from ds_ec2.catalog.catalogue import Catalogue

_PARTS_WITH_INSTANCE: Final = ("machine", "all-in-one")
_BY_STATE: Final = {
    "pending": MachineStatus.STARTING,
    "running": MachineStatus.RUNNING,
    "stopping": MachineStatus.STOPPING,
    "stopped": MachineStatus.STOPPED,
}


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything of ours in a region, read in one round of two parallel calls."""

    stacks: tuple[Stack, ...]
    instances: tuple[Instance, ...]

    def stacks_of(self, owner: str, name: str) -> tuple[Stack, ...]:
        """Return the stacks of one machine: with the instance first, then data."""
        mine = [stack for stack in self.stacks if _identity(stack) == (owner, name)]
        return tuple(sorted(mine, key=lambda stack: stack.tags.get(TAG_PART) == "data"))

    def named(self, name: str) -> Stack | None:
        """Return the stack of that very name."""
        return next((stack for stack in self.stacks if stack.name == name), None)


def inventory(account: Account) -> Inventory:
    """Read all stacks and instances that carry our tags."""
    with ThreadPoolExecutor(2) as pool:
        stacks = pool.submit(account.stacks.tagged)
        instances = pool.submit(account.ec2.instances, {"tag-key": [TAG_PART]})
        return Inventory(stacks.result(), instances.result())


def list_machines(account: Account) -> tuple[Machine, ...]:
    """Return all machines of the account's region, by owner and name; those made with `cdk deploy` too."""
    return machines_of(account, inventory(account))


def machines_of(account: Account, found: Inventory) -> tuple[Machine, ...]:
    """Return the machines of an inventory."""
    names = {_identity(stack) for stack in found.stacks if _identity(stack)[1]}
    own = read(account.region, catalogue_dir(local=account.endpoint is not None)) if names else None
    return tuple(_machine(account, found, own, owner, name) for owner, name in sorted(names))


def find(account: Account, name: str = "") -> Machine:
    """Return the machine of that name or instance id; without a name, the only one.

    A name that several owners use means the caller's own.

    Raises:
        NotFoundError: There is none, with the names that there are.
        UsageError: No name was given and there are several.
    """
    return pick(account, list_machines(account), name)


def pick(account: Account, machines: tuple[Machine, ...], name: str) -> Machine:
    """Return one of `machines`, as `find` does."""
    matching = [machine for machine in machines if not name or name in {machine.name, machine.instance_id}]
    if len(matching) > 1:
        own = owner_of(account)
        matching = [machine for machine in matching if machine.owner == own] or matching
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(dict.fromkeys(machine.name for machine in machines))
    if not machines:
        raise NotFoundError(
            f"there is no machine {name}".rstrip(),
            why=f"nothing in {account.region} carries ds-ec2's tags",
            hint=f"ds-ec2 up {name}".rstrip() + account.flags,
        )
    if matching:
        each = ", ".join(f"{one.name} of {one.owner} ({one.instance_id})" for one in matching)
        raise UsageError(
            "which machine?" if not name else f"several people have a machine {name}",
            why=f"there are {each}",
            hint=f"name it, or give its instance id: {matching[0].name}",
        )
    near = get_close_matches(name, names.split(", "), n=1)
    raise NotFoundError(
        f"there is no machine {name}",
        why=f"in {account.region} there are: {names}",
        hint=near[0] if near else f"ds-ec2 ls{account.flags}",
    )


def owner_of(account: Account, wanted: str = "") -> str:
    """Return the owner's short name: the wanted one, the setting, or one made from the caller's identity."""
    from ds_ec2.config.settings import load_settings

    return owner_slug(wanted or load_settings().owner or account.identity.caller().name)


def with_stages(account: Account, machine: Machine) -> Machine:
    """Return the machine with its bootstrap stages, as its status parameter tells them."""
    from ds_ec2.operations.bootstrap import read_status

    return replace(machine, stages=read_status(account, machine.stack).stages)


def reachable(account: Account, machine: Machine) -> Machine:
    """Return the machine if it runs.

    Raises:
        DsEc2Error: It does not, with the command that helps.
    """
    if machine.status in {MachineStatus.RUNNING, MachineStatus.STARTING}:
        return machine
    verb = {
        MachineStatus.STOPPED: "start",
        MachineStatus.STOPPING: "start",
        MachineStatus.CREATING: "up",
        MachineStatus.PROPOSED: "down",
        MachineStatus.FAILED: "up",
        MachineStatus.GONE: "up",
        MachineStatus.DATA_ONLY: "up",
    }.get(machine.status, "ls")
    command = "ds-ec2 ls" if verb == "ls" else f"ds-ec2 {verb} {machine.name}"
    raise DsEc2Error(
        f"{machine.name} is {machine.status.value}",
        why=machine.stopped.why if machine.stopped else f"its stack is {machine.stack_status}",
        hint=f"{command}{account.flags}",
    )


def _identity(stack: Stack) -> tuple[str, str]:
    return stack.tags.get(TAG_OWNER, ""), stack.tags.get(TAG_NAME, "")


def _machine(account: Account, found: Inventory, own: Catalogue | None, owner: str, name: str) -> Machine:
    stacks = found.stacks_of(owner, name)
    main = stacks[0]
    instance = _instance(found, main, owner, name)
    instance_type = instance.type if instance else main.parameters.get(MachineParameter.INSTANCE_TYPE, "")
    price = price_of(instance_type, instance.vcpus if instance else None, account.region, own)
    zone = instance.zone if instance else ""
    spot = instance.spot if instance else main.parameters.get(MachineParameter.MARKET) == Market.SPOT.value
    return Machine(
        name=name,
        owner=owner,
        region=account.region,
        zone=zone or stacks[-1].parameters.get(DataParameter.ZONE, ""),
        status=_status(main, instance),
        instance_id=instance.id if instance else "",
        instance_type=instance_type,
        stack=main.name,
        stack_status=main.status,
        managed_by=main.tags.get(TAG_MANAGED_BY, ""),
        launched_at=instance.launched_at if instance else None,
        created_at=main.created_at,
        market=Market.SPOT if spot else Market.ON_DEMAND,
        usd_per_hour=price.usd if price else None,
        usd_at_most=spot,
        disk_gib=_disk_gib(stacks),
        idle_minutes=_number(main.parameters.get(MachineParameter.IDLE_MINUTES)),
        max_minutes=_number(instance.tags.get(TAG_MAX_MINUTES)) or 0 if instance else 0,
        stopped=_stopped(instance) if instance else None,
    )


def _instance(found: Inventory, main: Stack, owner: str, name: str) -> Instance | None:
    if main.tags.get(TAG_PART) not in _PARTS_WITH_INSTANCE:
        return None
    wanted = main.outputs.get(MachineOutput.INSTANCE)
    for instance in found.instances:
        tags = instance.tags
        if instance.id == wanted or (
            not wanted and (tags.get(TAG_OWNER), tags.get(TAG_NAME)) == (owner, name)
        ):
            return instance
    return None


def _status(stack: Stack, instance: Instance | None) -> MachineStatus:
    if stack.tags.get(TAG_PART) not in _PARTS_WITH_INSTANCE:
        return MachineStatus.DELETING if stack.status == "DELETE_IN_PROGRESS" else MachineStatus.DATA_ONLY
    if stack.status == REVIEWED:
        return MachineStatus.PROPOSED
    if stack.status == "CREATE_IN_PROGRESS":
        return MachineStatus.CREATING
    if stack.status in {"DELETE_IN_PROGRESS", GONE}:
        return MachineStatus.DELETING
    if stack.status.startswith(("ROLLBACK", "CREATE_FAILED", "DELETE_FAILED")):
        return MachineStatus.FAILED
    return _BY_STATE.get(instance.state, MachineStatus.GONE) if instance else MachineStatus.GONE


def _stopped(instance: Instance) -> Stopped | None:
    """Read the tag that the account's function left, unless the machine has been started since."""
    text, _, why = instance.tags.get(TAG_STOPPED_BECAUSE, "").partition(" ")
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:  # no such tag, or not of ours
        return None
    return Stopped(why, at) if instance.launched_at is None or at >= instance.launched_at else None


def _disk_gib(stacks: tuple[Stack, ...]) -> int | None:
    """Root and data volumes together, by the stacks' own parameters."""
    root = (_number(stack.parameters.get(MachineParameter.ROOT_GIB)) for stack in stacks)
    data = (_number(stack.parameters.get(DataParameter.SIZE_GIB)) for stack in stacks)
    return sum(size or 0 for size in (*root, *data)) or None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
