"""What to do with a stopped machine for which there is no room: three ways, with commands and prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.bill.costs import snapshot_usd_per_month
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.attempts import Try
from ds_ec2.model.names import NETWORK_STACK, DataParameter, NetworkOutput, data_stack
from ds_ec2.operations.capacity import NoCapacityError, first_sentence
from ds_ec2.operations.choice import region_catalogue
from ds_ec2.operations.retype import alternatives, start_as

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine


def no_start(account: Account, machine: Machine, words: str) -> NoCapacityError:
    """Return the error for a machine that EC2 does not start.

    Args:
        account: The account.
        machine: The machine, stopped.
        words: Why, in EC2's words.
    """
    tried = Try(f"{machine.instance_type} in {machine.zone}", first_sentence(words))
    lines = [*_other_types(account, machine), *_other_zone(account, machine)]
    lines.append(
        f"ds-ec2 start {machine.name} --retry-until-up{account.flags}  # waits, and tries until there is one"
    )
    return NoCapacityError(
        f"AWS has no room for {machine.name} just now; its disks are as they were",
        (tried,),
        hint="\n".join(lines),
    )


def _other_types(account: Account, machine: Machine) -> list[str]:
    found = region_catalogue(account)
    kind = found.type(machine.instance_type)
    if kind is None or machine.managed_by != "ds-ec2":
        return []
    return [
        f"{start_as(account, machine, one.type.name)}  # ${one.price.usd:.4g}/h; its stack is changed first"
        for one in alternatives(found, kind, machine.zone)
    ]


def _other_zone(account: Account, machine: Machine) -> list[str]:
    """Return the commands that move the data to another zone; none where that cannot be."""
    data = account.stacks.find(data_stack(machine.owner, machine.name))
    network = account.stacks.find(NETWORK_STACK)
    try:
        sellers = account.instance_types.zones((machine.instance_type,)).get(machine.instance_type, ())
    except DsEc2Error:
        return []
    zones = network.outputs.get(NetworkOutput.ZONES, "").split(",") if network else []
    others = [zone for zone in zones if zone in sellers and zone != machine.zone]
    size = data.parameters.get(DataParameter.SIZE_GIB, "") if data else ""
    if not others or not size.isdecimal():
        return []
    usd = snapshot_usd_per_month(int(size))
    keep = f"ds-ec2 down {machine.name} --data keep-snapshot{account.flags}"
    again = f"ds-ec2 up {machine.name} --instance-type {machine.instance_type} --snapshot kept"
    return [
        f"{keep}  # its data, not its root disk; minutes, by its {size} GiB; at most ${usd:.2f} a month",
        f"{again} --zone {others[0]}{account.flags}  # then with them in {others[0]}",
    ]
