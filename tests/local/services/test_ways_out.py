"""What leads out of a private subnet, and what the agent of a machine there reaches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Network:
    """A VPC with a public and a private subnet; the private one leads nowhere."""

    vpc: str
    public: str
    private: str
    private_table: str


@pytest.fixture
def network(local_records: Any) -> Network:
    ec2 = local_records.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    public, private = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{n}.0/24", AvailabilityZone="us-east-1a")["Subnet"][
            "SubnetId"
        ]
        for n in (0, 1)
    )
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    tables = {}
    for subnet in (public, private):
        tables[subnet] = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=tables[subnet], SubnetId=subnet)
    ec2.create_route(RouteTableId=tables[public], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    return Network(vpc, public, private, tables[private])


@pytest.fixture
def status(local_records: Any) -> Callable[[str, str], bool]:
    """Wait until the connection of a machine is as wanted."""
    ssm = local_records.client("ssm")

    def become(instance: str, wanted: str) -> bool:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if ssm.get_connection_status(Target=instance)["Status"] == wanted:
                return True
            time.sleep(0.05)
        return False

    return become


def test_a_private_machine_is_not_connected_without_a_way_out(
    local_records: Any, launch: Callable[..., str], network: Network, status: Any
) -> None:
    found = launch(SubnetId=network.private)
    assert status(found, "notconnected")
    with pytest.raises(ClientError, match=f"{found} is not connected") as refused:
        local_records.client("ssm").start_session(Target=found)
    assert refused.value.response["Error"]["Code"] == "TargetNotConnected"


def test_a_nat_instance_leads_out_while_it_runs(
    local_records: Any, launch: Callable[..., str], network: Network, status: Any, settled: Any
) -> None:
    ec2 = local_records.client("ec2")
    nic = [{"DeviceIndex": 0, "SubnetId": network.public, "AssociatePublicIpAddress": True}]
    nat = launch(NetworkInterfaces=nic, InstanceType="t3.nano")
    ec2.create_route(RouteTableId=network.private_table, DestinationCidrBlock="0.0.0.0/0", InstanceId=nat)
    found = launch(SubnetId=network.private)
    assert status(found, "notconnected")
    ec2.modify_instance_attribute(InstanceId=nat, SourceDestCheck={"Value": False})
    assert status(found, "connected")
    assert not settled(ec2, nat, "running")["SourceDestCheck"]
    ec2.stop_instances(InstanceIds=[nat])
    settled(ec2, nat, "stopped")
    assert status(found, "notconnected")
    listed = local_records.client("ssm").describe_instance_information()["InstanceInformationList"]
    assert nat not in {entry["InstanceId"] for entry in listed}
    ec2.start_instances(InstanceIds=[nat])
    assert status(found, "connected")


def test_a_nat_gateway_leads_out(
    local_records: Any, launch: Callable[..., str], network: Network, status: Any
) -> None:
    ec2 = local_records.client("ec2")
    found = launch(SubnetId=network.private)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=network.public, AllocationId=address)["NatGateway"][
        "NatGatewayId"
    ]
    ec2.create_route(
        RouteTableId=network.private_table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway
    )
    assert status(found, "connected")
    ec2.delete_route(RouteTableId=network.private_table, DestinationCidrBlock="0.0.0.0/0")
    assert status(found, "notconnected")


def test_two_endpoints_are_enough_for_the_agent(
    local_records: Any, launch: Callable[..., str], network: Network, status: Any
) -> None:
    ec2 = local_records.client("ec2")
    found = launch(SubnetId=network.private)
    for service in ("ssm", "ssmmessages"):
        assert status(found, "notconnected")
        ec2.create_vpc_endpoint(
            VpcId=network.vpc, ServiceName=f"com.amazonaws.us-east-1.{service}",
            VpcEndpointType="Interface", SubnetIds=[network.private],
        )  # fmt: skip
    assert status(found, "connected")


def test_the_agent_comes_up_after_its_delay(
    local_records: Any, launch: Callable[..., str], status: Any
) -> None:
    local_records.call("POST", "/_local/faults", {"agent_delay_s": 1})
    try:
        found = launch()
        began = time.monotonic()
        assert local_records.client("ssm").get_connection_status(Target=found)["Status"] == "notconnected"
        assert status(found, "connected")
        assert time.monotonic() - began > 0.5
    finally:
        local_records.call("DELETE", "/_local/faults")


def test_an_agent_without_its_first_ping_sleeps(
    local_records: Any, launch: Callable[..., str], network: Network, status: Any
) -> None:
    ec2 = local_records.client("ec2")
    local_records.call("POST", "/_local/faults", {"agent_hibernates": True})
    try:
        found = launch(SubnetId=network.private)
        began = time.monotonic()
        assert status(found, "notconnected")
        for service in ("ssm", "ssmmessages"):
            ec2.create_vpc_endpoint(
                VpcId=network.vpc, ServiceName=f"com.amazonaws.us-east-1.{service}",
                VpcEndpointType="Interface", SubnetIds=[network.private],
            )  # fmt: skip
        assert status(found, "connected")
        assert time.monotonic() - began > 4  # 300 s on a clock that runs 60 times as fast
    finally:
        local_records.call("DELETE", "/_local/faults")
