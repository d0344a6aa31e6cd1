"""VPCs, subnets, route tables and routes."""

from __future__ import annotations

from typing import Any, Final

from ds_ec2_local.cloudformation.errors import Refused
from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Vpc(Handler):
    """AWS::EC2::VPC."""

    type_name = "AWS::EC2::VPC"
    accepts = properties("CidrBlock EnableDnsHostnames EnableDnsSupport InstanceTenancy")

    def create(self, work: Work) -> Made:
        """Make a VPC."""
        vpc = work.call(
            "ec2",
            "CreateVpc",
            **work.pick("CidrBlock", "InstanceTenancy"),
            TagSpecifications=tagging.on_creation(work, "vpc"),
        )["Vpc"]["VpcId"]
        work.begun(vpc)
        self._switches(work, vpc)
        return self._read(work, vpc)

    def _switches(self, work: Work, vpc: str) -> None:
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            if work.changed(name):
                wanted = work.true(name) if name in work.properties else name == "EnableDnsSupport"
                work.call("ec2", "ModifyVpcAttribute", VpcId=vpc, **{name: {"Value": wanted}})

    def _read(self, work: Work, vpc: str) -> Made:
        here = [{"Name": "vpc-id", "Values": [vpc]}]
        default = [{"Name": "default", "Values": ["true"]}]
        found = work.call("ec2", "DescribeVpcs", VpcIds=[vpc])["Vpcs"][0]
        acls = work.call("ec2", "DescribeNetworkAcls", Filters=here + default)["NetworkAcls"]
        groups = work.call(
            "ec2", "DescribeSecurityGroups", Filters=[*here, {"Name": "group-name", "Values": ["default"]}]
        )["SecurityGroups"]
        return Made(
            vpc,
            {
                "VpcId": vpc,
                "CidrBlock": found["CidrBlock"],
                "CidrBlockAssociations": [
                    a["AssociationId"] for a in found.get("CidrBlockAssociationSet", [])
                ],
                "Ipv6CidrBlocks": [],
                "DefaultNetworkAcl": acls[0]["NetworkAclId"] if acls else "",
                "DefaultSecurityGroup": groups[0]["GroupId"] if groups else "",
            },
        )

    def update(self, work: Work) -> Made:
        """Change DNS switches and tags."""
        if work.changed("InstanceTenancy"):
            raise Refused("The tenancy of a VPC is not changed by the embedded AWS")
        self._switches(work, work.physical_id)
        tagging.change(work)
        return self._read(work, work.physical_id)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteVpc", VpcId=work.physical_id)


class Subnet(Handler):
    """AWS::EC2::Subnet."""

    type_name = "AWS::EC2::Subnet"
    accepts = properties("AvailabilityZone AvailabilityZoneId CidrBlock MapPublicIpOnLaunch VpcId")

    def create(self, work: Work) -> Made:
        """Make a subnet and wait until it is available."""
        subnet = work.call(
            "ec2",
            "CreateSubnet",
            **work.pick("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId"),
            TagSpecifications=tagging.on_creation(work, "subnet"),
        )["Subnet"]["SubnetId"]
        work.begun(subnet)
        self._switch(work, subnet)
        work.until(lambda: self._describe(work, subnet)["State"] == "available", f"{subnet} is not available")
        return self._read(work, subnet)

    def _switch(self, work: Work, subnet: str) -> None:
        if work.changed("MapPublicIpOnLaunch"):
            wanted = {"Value": work.true("MapPublicIpOnLaunch")}
            work.call("ec2", "ModifySubnetAttribute", SubnetId=subnet, MapPublicIpOnLaunch=wanted)

    def _describe(self, work: Work, subnet: str) -> dict[str, Any]:
        found: dict[str, Any] = work.call("ec2", "DescribeSubnets", SubnetIds=[subnet])["Subnets"][0]
        return found

    def _read(self, work: Work, subnet: str) -> Made:
        found = self._describe(work, subnet)
        here = [{"Name": "association.subnet-id", "Values": [subnet]}]
        acls = work.call("ec2", "DescribeNetworkAcls", Filters=here)["NetworkAcls"]
        tied = [
            a["NetworkAclAssociationId"]
            for acl in acls
            for a in acl["Associations"]
            if a["SubnetId"] == subnet
        ]
        names = ("AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId")
        return Made(
            subnet,
            {name: found.get(name, "") for name in names}
            | {"SubnetId": subnet, "Ipv6CidrBlocks": [], "NetworkAclAssociationId": (tied or [""])[0]},
        )

    def update(self, work: Work) -> Made:
        """Change the switch for public addresses, and tags."""
        self._switch(work, work.physical_id)
        tagging.change(work)
        return self._read(work, work.physical_id)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteSubnet", SubnetId=work.physical_id)


class RouteTable(Handler):
    """AWS::EC2::RouteTable."""

    type_name = "AWS::EC2::RouteTable"
    accepts = properties("VpcId")

    def create(self, work: Work) -> Made:
        """Make a route table."""
        table = work.call(
            "ec2",
            "CreateRouteTable",
            VpcId=work.get("VpcId"),
            TagSpecifications=tagging.on_creation(work, "route-table"),
        )["RouteTable"]["RouteTableId"]
        return Made(table, {"RouteTableId": table})

    def update(self, work: Work) -> Made:
        """Change tags."""
        tagging.change(work)
        return Made(work.physical_id, {"RouteTableId": work.physical_id})

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteRouteTable", RouteTableId=work.physical_id)


class Route(Handler):
    """AWS::EC2::Route."""

    type_name = "AWS::EC2::Route"
    _DESTINATIONS: Final = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    _WAYS: Final = (
        "GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId", "EgressOnlyInternetGatewayId",
        "TransitGatewayId", "VpcPeeringConnectionId", "VpcEndpointId",
    )  # fmt: skip
    accepts = frozenset({"RouteTableId", *_DESTINATIONS, *_WAYS})

    def create(self, work: Work) -> Made:
        """Make a route."""
        work.call("ec2", "CreateRoute", **work.properties)
        return self._made(work)

    def _made(self, work: Work) -> Made:
        destination = next(iter(work.pick(*self._DESTINATIONS).values()), "")
        return Made(f"{work.get('RouteTableId')}|{destination}", {"CidrBlock": destination})

    def update(self, work: Work) -> Made:
        """Send the destination another way."""
        work.call("ec2", "ReplaceRoute", **work.properties)
        return self._made(work)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteRoute", **work.pick("RouteTableId", *self._DESTINATIONS))


class SubnetRouteTableAssociation(Handler):
    """AWS::EC2::SubnetRouteTableAssociation."""

    type_name = "AWS::EC2::SubnetRouteTableAssociation"
    accepts = properties("RouteTableId SubnetId")

    def create(self, work: Work) -> Made:
        """Associate; a subnet that is associated already is moved, as on AWS."""
        here = [{"Name": "association.subnet-id", "Values": [work.get("SubnetId")]}]
        tables = work.call("ec2", "DescribeRouteTables", Filters=here)["RouteTables"]
        tied = [
            a["RouteTableAssociationId"]
            for table in tables
            for a in table["Associations"]
            if a.get("SubnetId") == work.get("SubnetId")
        ]
        if tied:
            table = work.get("RouteTableId")
            found = work.call(
                "ec2", "ReplaceRouteTableAssociation", AssociationId=tied[0], RouteTableId=table
            )["NewAssociationId"]
        else:
            found = work.call("ec2", "AssociateRouteTable", **work.properties)["AssociationId"]
        return Made(found, {"Id": found})

    def delete(self, work: Work) -> None:
        """Give the subnet back to the main table."""
        work.call("ec2", "DisassociateRouteTable", AssociationId=work.physical_id)
