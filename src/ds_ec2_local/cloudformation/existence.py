"""Parameters that name resources must name existing ones (`AWS::EC2::VPC::Id` and its kin)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from ds_ec2_local.cloudformation.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ds_ec2_local.cloudformation.clients import Clients
    from ds_ec2_local.cloudformation.parameters import Parameter
    from ds_ec2_local.cloudformation.state import Caller

_LOOK_UPS: Final = {
    "AWS::EC2::AvailabilityZone::Name": ("DescribeAvailabilityZones", "ZoneNames"),
    "AWS::EC2::Image::Id": ("DescribeImages", "ImageIds"),
    "AWS::EC2::Instance::Id": ("DescribeInstances", "InstanceIds"),
    "AWS::EC2::KeyPair::KeyName": ("DescribeKeyPairs", "KeyNames"),
    "AWS::EC2::SecurityGroup::GroupName": ("DescribeSecurityGroups", "GroupNames"),
    "AWS::EC2::SecurityGroup::Id": ("DescribeSecurityGroups", "GroupIds"),
    "AWS::EC2::Subnet::Id": ("DescribeSubnets", "SubnetIds"),
    "AWS::EC2::Volume::Id": ("DescribeVolumes", "VolumeIds"),
    "AWS::EC2::VPC::Id": ("DescribeVpcs", "VpcIds"),
}


def check_existence(clients: Clients, caller: Caller, parameters: Iterable[Parameter]) -> None:
    """Look up every value that names a resource.

    Raises:
        ValidationError: One does not exist.
    """
    for parameter in parameters:
        look_up = _LOOK_UPS.get(parameter.resource_type or "")
        for value in parameter.items if look_up else ():
            operation, name = look_up or ("", "")
            try:
                clients.call(caller, "ec2", operation, {name: [value]})
            except ClientError as error:
                raise ValidationError(
                    f"Parameter validation failed: parameter value {value} for parameter name"
                    f" {parameter.name} does not exist."
                ) from error
