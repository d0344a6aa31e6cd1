"""The network that machines share: private subnets, a bucket, and a way out that follows the machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ds_ec2.model.names import NetworkParameter
from ds_ec2_cdk.caretaker import caretaker
from ds_ec2_cdk.orphans import orphans
from ds_ec2_cdk.transit import transit_bucket
from ds_ec2_cdk.way_out import WayOut

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ZONES: Final = len(NetworkParameter.ZONES)
_HOST_BITS: Final = 6
"""Subnets of 64 addresses, 59 of them usable: eight fit into the smallest VPC (/23)."""
_PUBLIC: Final = 3
"""Which block the public subnet has: a network that gets more zones keeps the subnets it has."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone that gets a private subnet.

    Args:
        name: Its name, or a token.
        condition: The subnet is made only when this holds.
    """

    name: str
    condition: cdk.CfnCondition | None = None


class Network(Construct):
    """A VPC with a private subnet in each zone, and everything that machines in it share.

    Args:
        vpc_cidr: Address range, /16 to /23.
        zones: One to six; the first must have no condition, the way out is there.
        way_out_image: Amazon Linux 2023 for the NAT instance.
        way_out_type: Its instance type, of the image's architecture.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc_cidr: str,
        zones: Sequence[Zone],
        way_out_image: str,
        way_out_type: str = "t4g.nano",
    ) -> None:
        super().__init__(scope, construct_id)
        if not 1 <= len(zones) <= MOST_ZONES:
            raise ValueError(f"a network has one to {MOST_ZONES} zones, not {len(zones)}")
        self._zones = tuple(zones)
        self.vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=vpc_cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=[cdk.CfnTag(key="Name", value="ds-ec2")],
        )
        blocks = cdk.Fn.cidr(self.vpc.attr_cidr_block, MOST_ZONES + 1, str(_HOST_BITS))
        public = self._public_subnet(cdk.Fn.select(_PUBLIC, blocks))
        self.security_group = self._machine_group()
        self.way_out = WayOut(
            self,
            vpc=self.vpc,
            vpc_cidr=vpc_cidr,
            subnet=public,
            image=way_out_image,
            instance_type=way_out_type,
        )
        self.subnets = self._private_subnets(blocks)
        self.bucket = transit_bucket(self)
        caretaker(self, self.way_out.sweep)
        orphans(self, self.way_out.sweep)

    @property
    def zone_list(self) -> str:
        """Names of the zones that have a subnet, comma separated."""
        return self._joined([zone.name for zone in self._zones])

    @property
    def subnet_list(self) -> str:
        """Ids of the private subnets, comma separated, in the order of the zones."""
        return self._joined([subnet.ref for subnet in self.subnets])

    def _joined(self, values: list[str]) -> str:
        parts = [values[0]]
        for zone, value in zip(self._zones[1:], values[1:], strict=True):
            text = cdk.Fn.join(",", ["", value])
            condition = zone.condition
            parts.append(
                cdk.Fn.condition_if(condition.logical_id, text, "").to_string() if condition else text
            )
        return cdk.Fn.join("", parts)

    def _public_subnet(self, block: str) -> ec2.CfnSubnet:
        gateway = ec2.CfnInternetGateway(self, "InternetGateway")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttached", vpc_id=self.vpc.ref, internet_gateway_id=gateway.ref
        )
        table = ec2.CfnRouteTable(self, "PublicRoutes", vpc_id=self.vpc.ref)
        route = ec2.CfnRoute(
            self,
            "PublicRoute",
            route_table_id=table.ref,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.ref,
        )
        route.add_resource_dependency(attached)
        subnet = ec2.CfnSubnet(
            self,
            "PublicSubnet",
            vpc_id=self.vpc.ref,
            availability_zone=self._zones[0].name,
            cidr_block=block,
            map_public_ip_on_launch=False,
            tags=[cdk.CfnTag(key="Name", value="ds-ec2 public")],
        )
        joined = ec2.CfnSubnetRouteTableAssociation(
            self, "PublicSubnetRoutes", subnet_id=subnet.ref, route_table_id=table.ref
        )
        joined.add_resource_dependency(route)
        return subnet

    def _machine_group(self) -> ec2.CfnSecurityGroup:
        return ec2.CfnSecurityGroup(
            self,
            "MachineGroup",
            group_description="ds-ec2 machines: nothing comes in",
            vpc_id=self.vpc.ref,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="-1", cidr_ip="0.0.0.0/0", description="Packages, data, Session Manager"
                )
            ],
        )

    def _private_subnets(self, blocks: list[str]) -> tuple[ec2.CfnSubnet, ...]:
        table = ec2.CfnRouteTable(self, "PrivateRoutes", vpc_id=self.vpc.ref)
        ec2.CfnRoute(
            self,
            "PrivateRoute",
            route_table_id=table.ref,
            destination_cidr_block="0.0.0.0/0",
            instance_id=self.way_out.instance.ref,
        )
        self._storage_endpoint(table)
        return tuple(self._private_subnet(index, blocks, table) for index in range(len(self._zones)))

    def _private_subnet(self, index: int, blocks: list[str], table: ec2.CfnRouteTable) -> ec2.CfnSubnet:
        zone, letter = self._zones[index], "ABCDEF"[index]
        subnet = ec2.CfnSubnet(
            self,
            f"PrivateSubnet{letter}",
            vpc_id=self.vpc.ref,
            availability_zone=zone.name,
            cidr_block=cdk.Fn.select(index + (index >= _PUBLIC), blocks),
            map_public_ip_on_launch=False,
            tags=[cdk.CfnTag(key="Name", value=f"ds-ec2 private {letter.lower()}")],
        )
        joined = ec2.CfnSubnetRouteTableAssociation(
            self, f"PrivateSubnet{letter}Routes", subnet_id=subnet.ref, route_table_id=table.ref
        )
        if zone.condition:
            subnet.cfn_options.condition = zone.condition
            joined.cfn_options.condition = zone.condition
        return subnet

    def _storage_endpoint(self, table: ec2.CfnRouteTable) -> None:
        """Let S3 traffic bypass the way out: free, and as fast as the machine.

        Reading is open: repositories, the agent's buckets and public data sets need it. Writing
        is kept to the account's own buckets, and to the wait conditions that hear that a machine is up.
        """
        everybody = {"Effect": "Allow", "Principal": "*"}
        waits = cdk.Fn.sub("arn:${AWS::Partition}:s3:::cloudformation-waitcondition-${AWS::Region}/*")
        statements = [
            {**everybody, "Action": ["s3:Get*", "s3:List*"], "Resource": "*"},
            {
                **everybody,
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"StringEquals": {"s3:ResourceAccount": cdk.Aws.ACCOUNT_ID}},
            },
            {**everybody, "Action": "s3:PutObject", "Resource": waits},
        ]
        ec2.CfnVPCEndpoint(
            self,
            "StorageEndpoint",
            vpc_id=self.vpc.ref,
            vpc_endpoint_type="Gateway",
            service_name=cdk.Fn.sub("com.amazonaws.${AWS::Region}.s3"),
            route_table_ids=[table.ref],
            policy_document={"Version": "2012-10-17", "Statement": statements},
        )
