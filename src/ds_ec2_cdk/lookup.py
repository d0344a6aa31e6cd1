"""What `cdk deploy` needs to know of a region: looked up once, remembered in cdk.context.json."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.aws.account import open_account
from ds_ec2.aws.images import public_parameter
from ds_ec2.errors import DsEc2Error, NotFoundError, UsageError
from ds_ec2.model.defaults import DEFAULT_TYPE
from ds_ec2.model.names import NETWORK_STACK, NetworkOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ds_ec2.aws.account import Account

WAY_OUT_TYPE: Final = "t4g.nano"
_ROOT_ROOM_GIB: Final = 16
"""Beside the image's own size, as `ds-ec2 up` has it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the environment asks for.

    Args:
        instance_type: `INSTANCE_TYPE`, or empty.
        image: `AWS_AMI`, or empty.
        region: `CDK_DEFAULT_REGION` (the CDK command line sets it), else `AWS_REGION`, or empty.
        shared: On the region's shared network.
    """

    instance_type: str = ""
    image: str = ""
    region: str = ""
    shared: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str], *, shared: bool = False) -> Wish:
        """Read the environment, as the article names it."""
        region = environment.get("CDK_DEFAULT_REGION") or environment.get("AWS_REGION", "")
        return cls(environment.get("INSTANCE_TYPE", ""), environment.get("AWS_AMI", ""), region, shared)


@dataclass(frozen=True, slots=True)
class Found:
    """What is known; empty and None are left to the stack's parameters.

    Args:
        instance_type: The type.
        fixed: The environment named type or image: they stand in the template. The CDK command line would
            go on with a parameter's earlier value, whatever its default says now.
        image: Id of the machine's image.
        root_device: Device name of its root volume.
        root_gib: Size of the root volume.
        zone: A zone that sells the type (and has a subnet of the shared network).
        way_out_image: Image of the NAT instance.
        network: Outputs of the shared network stack.
        problem: Why something is not known.
    """

    instance_type: str
    fixed: bool = False
    image: str = ""
    root_device: str = ""
    root_gib: int | None = None
    zone: str = ""
    way_out_image: str = ""
    network: Mapping[str, str] | None = None
    problem: str = ""


class Memory:
    """Answers that do not change behind the user's back: keys of their own in cdk.context.json.

    Args:
        path: The file; None remembers nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def recall(self, key: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the answer under a key; ask only when there is none yet."""
        known = self._read()
        if key not in known:
            known[key] = ask()
            if self._path:
                self._path.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        return dict(known[key])

    def _read(self) -> dict[str, Any]:
        if self._path is None or not self._path.exists():
            return {}
        return dict(json.loads(self._path.read_text(encoding="utf-8")))


def look_up(wish: Wish, context_file: Path) -> Found:
    """Return what can be known now. Without credentials or a region, the parameters stay open.

    Raises:
        UsageError: The type or the image cannot be right.
        NotFoundError: It does not exist, or the shared network does not.
    """
    found = Found(wish.instance_type or DEFAULT_TYPE, fixed=bool(wish.instance_type or wish.image))
    # An emulator's images are no one else's.
    memory = Memory(None if os.environ.get("AWS_ENDPOINT_URL") else context_file)
    try:
        return ask(open_account(wish.region or None), wish, found, memory)
    except (UsageError, NotFoundError):
        if wish.region:
            raise
        return replace(found, image=wish.image, problem="no region is known")
    except DsEc2Error as error:
        return replace(found, image=wish.image, problem=f"{error} ({error.why})")


def ask(account: Account, wish: Wish, found: Found, memory: Memory) -> Found:
    """Fill in what the account's region says, or said before.

    Raises:
        DsEc2Error: AWS did not say.
    """
    kind = memory.recall(
        f"ds-ec2:type:{account.region}:{found.instance_type}", lambda: _kind(account, found.instance_type)
    )
    image = _image(account, memory, wish.image or kind["parameter"])
    if image["architecture"] not in kind["architectures"]:
        raise UsageError(
            f"{image['id']} does not run on {found.instance_type}",
            why=f"the image is {image['architecture']}, the type {', '.join(kind['architectures'])}",
            hint="unset AWS_AMI: the newest that fits is looked up",
        )
    found = replace(
        found,
        image=image["id"],
        root_device=image["root_device"],
        root_gib=image["root_gib"] + _ROOT_ROOM_GIB,
    )
    if wish.shared:
        return _on_shared(account, found, kind["zones"])
    way_out = memory.recall(
        f"ds-ec2:type:{account.region}:{WAY_OUT_TYPE}", lambda: _kind(account, WAY_OUT_TYPE)
    )
    zones = [zone for zone in kind["zones"] if zone in way_out["zones"]] or kind["zones"]
    return replace(
        found,
        zone=zones[0] if zones else "",
        way_out_image=_image(account, memory, way_out["parameter"])["id"],
    )


def _kind(account: Account, name: str) -> dict[str, Any]:
    kind = account.instance_types.one(name)
    return {
        "architectures": list(kind.architectures),
        "parameter": public_parameter(kind),
        "zones": list(account.instance_types.zones([name]).get(name, ())),
    }


def _image(account: Account, memory: Memory, source: str) -> dict[str, Any]:
    """Return an image by its id, or by its public parameter."""
    return memory.recall(f"ds-ec2:image:{account.region}:{source}", lambda: _describe(account, source))


def _describe(account: Account, source: str) -> dict[str, Any]:
    image_id = account.parameters.get(source) if source.startswith("/") else source
    if not image_id:
        raise NotFoundError(
            f"{account.region} has no public parameter {source}", hint="export AWS_AMI=ami-..."
        )
    image = account.ec2.image(image_id, source)
    return {
        "id": image.id,
        "architecture": image.architecture,
        "root_device": image.root_device,
        "root_gib": image.root_gib,
    }


def _on_shared(account: Account, found: Found, sellers: list[str]) -> Found:
    stack = account.stacks.find(NETWORK_STACK)
    if stack is None or not stack.usable:
        raise NotFoundError(
            f"there is no shared network in {account.region}",
            hint="ds-ec2 network up, or leave -c vpc=shared out",
        )
    zones = stack.outputs[NetworkOutput.ZONES].split(",")
    fitting = [zone for zone in zones if zone in sellers]
    if not fitting:
        raise NotFoundError(
            f"no zone of the shared network sells {found.instance_type}", why=", ".join(zones)
        )
    return replace(found, zone=fitting[0], network=dict(stack.outputs))
