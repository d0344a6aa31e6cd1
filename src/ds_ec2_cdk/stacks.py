"""The stacks that ds-ec2 ships as templates, each with the lifetime of what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from ds_ec2.model.names import (
    DataOutput,
    DataParameter,
    MachineOutput,
    MachineParameter,
    NetworkOutput,
    NetworkParameter,
    code_parameter,
)
from ds_ec2_cdk.data import DataVolume, DataVolumeProps
from ds_ec2_cdk.embed import Code, code
from ds_ec2_cdk.launch import LaunchProps
from ds_ec2_cdk.machine import Machine, MachineProps
from ds_ec2_cdk.network import Network, Zone
from ds_ec2_cdk.parameters import CODE_PART, parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

# A construct of this id leaves no trace in logical ids: they stay short and readable.
_PLAIN = "Default"


class PlainStack(cdk.Stack):
    """A stack that deploys without `cdk bootstrap`, in any account and region."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        description: str,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            tags=tags,
            synthesizer=cdk.LegacyStackSynthesizer(),
            analytics_reporting=False,
            suppress_template_indentation=True,
        )

    def export(self, name: str, value: str, description: str) -> None:
        """Add an output under its shared name."""
        # An output may have the name of a parameter or resource, a construct may not.
        output = cdk.CfnOutput(self, f"{name}Output", value=value, description=description)
        output.override_logical_id(name)


class NetworkStack(PlainStack):
    """One per region: everything that machines share."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id, "ds-ec2: the network that all machines of a region share")
        cidr = parameter(self, NetworkParameter.VPC_CIDR, "10.0.0.0/16")
        first, *others = NetworkParameter.ZONES
        zones = [Zone(parameter(self, first))]
        for name in others:
            zone = parameter(self, name, "")
            there = cdk.CfnCondition(
                self, f"Has{name}", expression=cdk.Fn.condition_not(cdk.Fn.condition_equals(zone, ""))
            )
            zones.append(Zone(zone, there))
        way_out = parameter(self, NetworkParameter.WAY_OUT, "nat-instance")
        network = Network(
            self,
            _PLAIN,
            vpc_cidr=cidr,
            zones=zones,
            way_out_image=parameter(self, NetworkParameter.WAY_OUT_IMAGE),
            way_out_type=parameter(self, NetworkParameter.WAY_OUT_TYPE, "t4g.nano"),
        )
        self.export(NetworkOutput.VPC, network.vpc.ref, "The VPC")
        self.export(NetworkOutput.SUBNETS, network.subnet_list, "Private subnets, in the order of the zones")
        self.export(NetworkOutput.ZONES, network.zone_list, "Zones with a subnet")
        self.export(NetworkOutput.SECURITY_GROUP, network.security_group.attr_group_id, "For machines")
        self.export(NetworkOutput.BUCKET, network.bucket.ref, "Bucket that files go through")
        self.export(NetworkOutput.WAY_OUT, way_out, "How machines reach the internet")
        self.export(NetworkOutput.WAY_OUT_INSTANCE, network.way_out.instance.ref, "The NAT instance")


class DataStack(PlainStack):
    """One per machine's data, which outlives machines."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id, "ds-ec2: the data volume of a machine")
        name = parameter(self, DataParameter.NAME)
        owner = parameter(self, DataParameter.OWNER)
        zone = parameter(self, DataParameter.ZONE)
        size = parameter(self, DataParameter.SIZE_GIB, "50")
        snapshot = parameter(self, DataParameter.SNAPSHOT, "")
        rate = parameter(self, DataParameter.INITIALIZATION_RATE, "")
        data = DataVolume(
            self,
            _PLAIN,
            DataVolumeProps(
                name=name,
                owner=owner,
                zone=zone,
                size_gib=cdk.Token.as_number(size),
                snapshot=self._if_given("Snapshot", snapshot).to_string(),
                initialization_rate=cdk.Token.as_number(self._if_given("InitializationRate", rate)),
            ),
        )
        self.export(DataOutput.VOLUME, data.volume.ref, "The data volume")

    def _if_given(self, what: str, value: str) -> cdk.ICfnRuleConditionExpression:
        """Return a value, or none where it is empty."""
        filled = cdk.Fn.condition_not(cdk.Fn.condition_equals(value, ""))
        given = cdk.CfnCondition(self, f"Has{what}", expression=filled)
        return cdk.Fn.condition_if(given.logical_id, value, cdk.Aws.NO_VALUE)


class MachineStack(PlainStack):
    """One per machine."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id, "ds-ec2: a machine")
        root_gib = parameter(self, MachineParameter.ROOT_GIB, "30")
        machine = Machine(
            self,
            _PLAIN,
            MachineProps(
                name=parameter(self, MachineParameter.NAME),
                owner=parameter(self, MachineParameter.OWNER),
                instance_type=parameter(self, MachineParameter.INSTANCE_TYPE),
                image=parameter(self, MachineParameter.IMAGE),
                root_device=parameter(self, MachineParameter.ROOT_DEVICE, "/dev/xvda"),
                root_gib=cdk.Token.as_number(root_gib),
                subnet=parameter(self, MachineParameter.SUBNET),
                security_group=parameter(self, MachineParameter.SECURITY_GROUP),
                data_volume=parameter(self, MachineParameter.DATA_VOLUME),
                bucket=parameter(self, MachineParameter.BUCKET),
                packages=parameter(self, MachineParameter.PACKAGES, "#"),
                python=parameter(self, MachineParameter.PYTHON, "3.12"),
                idle_minutes=parameter(self, MachineParameter.IDLE_MINUTES, "60"),
                docker=parameter(self, MachineParameter.DOCKER, "no"),
                idle_thresholds=parameter(self, MachineParameter.IDLE_THRESHOLDS, ""),
                max_minutes=parameter(self, MachineParameter.MAX_MINUTES, "0"),
                launch=LaunchProps(
                    parameter(self, MachineParameter.MARKET, "on-demand"),
                    parameter(self, MachineParameter.CAPACITY_RESERVATION, ""),
                ),
                code=self._code(),
            ),
        )
        self.export(MachineOutput.INSTANCE, machine.instance.ref, "The machine")
        self.export(MachineOutput.STATUS_PARAMETER, machine.status_parameter, "Where it says how it fares")

    def _code(self) -> Code:
        """Take the code as parameters, as many as this version's needs: it is larger than all the rest."""
        sha256 = parameter(self, MachineParameter.CODE_SHA256)
        names = [code_parameter(index) for index in range(len(code().parts))]
        return Code(sha256, tuple(parameter(self, name, rule=CODE_PART) for name in names))
