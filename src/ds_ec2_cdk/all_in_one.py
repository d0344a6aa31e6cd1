"""The seed's stack: network, data and machine together, for `cdk deploy` in a checkout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk

from ds_ec2.model.names import (
    TAG_MANAGED_BY,
    TAG_NAME,
    TAG_OWNER,
    TAG_PART,
    DataOutput,
    DataParameter,
    MachineOutput,
    MachineParameter,
    NetworkOutput,
    NetworkParameter,
)
from ds_ec2_cdk.data import DataVolume, DataVolumeProps
from ds_ec2_cdk.lookup import WAY_OUT_TYPE
from ds_ec2_cdk.machine import Machine, MachineProps
from ds_ec2_cdk.network import Network, Zone
from ds_ec2_cdk.parameters import parameter
from ds_ec2_cdk.stacks import PlainStack

if TYPE_CHECKING:
    from constructs import Construct

    from ds_ec2_cdk.lookup import Found

PART = "all-in-one"


@dataclass(frozen=True, slots=True)
class Order:
    """What the stack is to hold.

    Args:
        name: The machine's name, as `ds-ec2 ls` shows it.
        owner: Its owner's short name.
        packages: Text of requirements.txt.
        keep_data: Leave a snapshot of the data volume when the stack goes.
    """

    name: str
    owner: str
    packages: str
    keep_data: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the machine goes."""

    zone: str
    subnet: str
    security_group: str
    bucket: str


class DsEc2Stack(PlainStack):
    """A machine with its data volume, in a VPC of its own or on the region's shared network.

    Args:
        order: What it is to hold.
        found: What is known of the region; what is not is a parameter without a default.
        shared: On the shared network.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, order: Order, found: Found, shared: bool = False
    ) -> None:
        tags = {TAG_MANAGED_BY: "cdk", TAG_PART: PART, TAG_OWNER: order.owner, TAG_NAME: order.name}
        super().__init__(scope, construct_id, "ds-ec2: a machine with everything it needs", tags)
        cdk.Validations.of(self).acknowledge(
            cdk.Acknowledgment(
                id="CloudFormation-Validate::W9010",
                reason="an image is looked up for its region; another one would replace the machine",
            )
        )
        self._order = order
        self._found = found
        place = self._shared_place() if shared else self._own_place()
        data = DataVolume(
            self,
            "Data",
            DataVolumeProps(
                name=order.name,
                owner=order.owner,
                zone=place.zone,
                size_gib=cdk.Token.as_number(parameter(self, DataParameter.SIZE_GIB, "50")),
                part=PART,
                snapshot_on_delete=order.keep_data,
            ),
        )
        machine = Machine(self, "Machine", self._machine(place, data.volume.ref))
        self.export(MachineOutput.INSTANCE, machine.instance.ref, "The machine")
        self.export(MachineOutput.STATUS_PARAMETER, machine.status_parameter, "Where it says how it fares")
        self.export(DataOutput.VOLUME, data.volume.ref, "The data volume")
        self._shorten_names()

    def _shorten_names(self) -> None:
        """Give resources the names that they have in the shipped templates: readable, and 2 KB less."""
        for one in self.node.find_all():
            if isinstance(one, cdk.CfnResource):
                one.override_logical_id(one.node.id)

    def _machine(self, place: _Place, volume: str) -> MachineProps:
        found = self._found
        size = str(found.root_gib) if found.root_gib else None
        return MachineProps(
            name=self._order.name,
            owner=self._order.owner,
            instance_type=self._value(MachineParameter.INSTANCE_TYPE, found.instance_type),
            image=self._value(MachineParameter.IMAGE, found.image),
            root_device=self._value(MachineParameter.ROOT_DEVICE, found.root_device or "/dev/xvda"),
            root_gib=found.root_gib
            if found.fixed and found.root_gib
            else cdk.Token.as_number(parameter(self, MachineParameter.ROOT_GIB, size)),
            subnet=place.subnet,
            security_group=place.security_group,
            data_volume=volume,
            bucket=place.bucket,
            packages=self._order.packages,
            python=parameter(self, MachineParameter.PYTHON, "3.12"),
            docker=parameter(self, MachineParameter.DOCKER, "no"),
            idle_minutes=parameter(self, MachineParameter.IDLE_MINUTES, "60"),
            idle_thresholds=parameter(self, MachineParameter.IDLE_THRESHOLDS, ""),
            max_minutes=parameter(self, MachineParameter.MAX_MINUTES, "0"),
            part=PART,
        )

    def _value(self, name: str, known: str) -> str:
        """Return what the environment decided, else a parameter with what is known as its default."""
        return known if self._found.fixed and known else parameter(self, name, known or None)

    def _own_place(self) -> _Place:
        found = self._found
        zone = parameter(self, DataParameter.ZONE, found.zone or None)
        network = Network(
            self,
            "Network",
            vpc_cidr=parameter(self, NetworkParameter.VPC_CIDR, "10.0.0.0/16"),
            zones=[Zone(zone)],
            way_out_image=parameter(self, NetworkParameter.WAY_OUT_IMAGE, found.way_out_image or None),
            way_out_type=parameter(self, NetworkParameter.WAY_OUT_TYPE, WAY_OUT_TYPE),
        )
        group = network.security_group.attr_group_id
        return _Place(zone, network.subnets[0].ref, group, network.bucket.ref)

    def _shared_place(self) -> _Place:
        outputs = dict(self._found.network or {})
        zones = outputs.get(NetworkOutput.ZONES, "").split(",")
        subnets = dict(zip(zones, outputs.get(NetworkOutput.SUBNETS, "").split(","), strict=True))
        zone = self._found.zone
        return _Place(
            parameter(self, DataParameter.ZONE, zone or None),
            parameter(self, MachineParameter.SUBNET, subnets.get(zone) or None),
            parameter(self, MachineParameter.SECURITY_GROUP, outputs.get(NetworkOutput.SECURITY_GROUP)),
            parameter(self, MachineParameter.BUCKET, outputs.get(NetworkOutput.BUCKET)),
        )
