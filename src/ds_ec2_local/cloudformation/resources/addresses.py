"""Elastic IP addresses and network interfaces."""

from __future__ import annotations

from typing import Any

from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class ElasticIp(Handler):
    """AWS::EC2::EIP; its `Ref` is the public address."""

    type_name = "AWS::EC2::EIP"
    accepts = properties("Domain InstanceId NetworkBorderGroup PublicIpv4Pool")

    def create(self, work: Work) -> Made:
        """Allocate an address, and associate it where an instance is given."""
        found = work.call(
            "ec2",
            "AllocateAddress",
            Domain=work.get("Domain", "vpc"),
            **work.pick("NetworkBorderGroup", "PublicIpv4Pool"),
            TagSpecifications=tagging.on_creation(work, "elastic-ip"),
        )
        work.begun(found["PublicIp"])
        self._associate(work, found["AllocationId"])
        return self._made(found["PublicIp"], found["AllocationId"])

    def _made(self, address: str, allocation: str) -> Made:
        return Made(address, {"PublicIp": address, "AllocationId": allocation})

    def _associate(self, work: Work, allocation: str) -> None:
        if work.get("InstanceId"):
            instance = work.get("InstanceId")
            work.call("ec2", "AssociateAddress", AllocationId=allocation, InstanceId=instance)

    def _describe(self, work: Work) -> dict[str, Any]:
        found = work.call("ec2", "DescribeAddresses", PublicIps=[work.physical_id])["Addresses"]
        return found[0] if found else {}

    def update(self, work: Work) -> Made:
        """Change the instance, and tags."""
        found = self._describe(work)
        if work.changed("InstanceId"):
            if found.get("AssociationId"):
                work.call("ec2", "DisassociateAddress", AssociationId=found["AssociationId"])
            self._associate(work, found["AllocationId"])
        tagging.change_of(work, found["AllocationId"])
        return self._made(work.physical_id, found["AllocationId"])

    def delete(self, work: Work) -> None:
        """Release the address."""
        found = self._describe(work)
        if found.get("AssociationId") and work.get("InstanceId"):
            work.call("ec2", "DisassociateAddress", AssociationId=found["AssociationId"])
        if found:
            work.call("ec2", "ReleaseAddress", AllocationId=found["AllocationId"])


class EipAssociation(Handler):
    """AWS::EC2::EIPAssociation."""

    type_name = "AWS::EC2::EIPAssociation"
    accepts = properties("AllocationId EIP InstanceId NetworkInterfaceId PrivateIpAddress")

    def create(self, work: Work) -> Made:
        """Associate an address."""
        given = dict(work.properties)
        if "EIP" in given:
            given["PublicIp"] = given.pop("EIP")
        found = work.call("ec2", "AssociateAddress", **given)["AssociationId"]
        return Made(found, {"Id": found})

    def delete(self, work: Work) -> None:
        """Disassociate it."""
        work.call("ec2", "DisassociateAddress", AssociationId=work.physical_id)


class NetworkInterface(Handler):
    """AWS::EC2::NetworkInterface."""

    type_name = "AWS::EC2::NetworkInterface"
    accepts = properties(
        "Description GroupSet InterfaceType PrivateIpAddress SecondaryPrivateIpAddressCount"
        " SourceDestCheck SubnetId"
    )

    def create(self, work: Work) -> Made:
        """Make an interface and wait until it is available."""
        interface = work.call(
            "ec2",
            "CreateNetworkInterface",
            **work.pick(
                "Description",
                "InterfaceType",
                "PrivateIpAddress",
                "SecondaryPrivateIpAddressCount",
                "SubnetId",
            ),
            Groups=work.get("GroupSet"),
            TagSpecifications=tagging.on_creation(work, "network-interface"),
        )["NetworkInterface"]["NetworkInterfaceId"]
        work.begun(interface)
        self._switch(work, interface)
        return self._read(work, interface)

    def _switch(self, work: Work, interface: str) -> None:
        if work.changed("SourceDestCheck"):
            wanted = {"Value": work.true("SourceDestCheck") or "SourceDestCheck" not in work.properties}
            work.call(
                "ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, SourceDestCheck=wanted
            )

    def _read(self, work: Work, interface: str) -> Made:
        answer = work.call("ec2", "DescribeNetworkInterfaces", NetworkInterfaceIds=[interface])
        found = answer["NetworkInterfaces"][0]
        primary = found.get("PrivateIpAddress", "")
        others = [a["PrivateIpAddress"] for a in found.get("PrivateIpAddresses", []) if not a.get("Primary")]
        return Made(
            interface,
            {
                "Id": interface,
                "PrimaryPrivateIpAddress": primary,
                "SecondaryPrivateIpAddresses": others,
                "VpcId": found.get("VpcId", ""),
            },
        )

    def update(self, work: Work) -> Made:
        """Change groups, description, the source check and tags."""
        interface = work.physical_id
        self._switch(work, interface)
        if work.changed("GroupSet"):
            groups = work.get("GroupSet")
            work.call("ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, Groups=groups)
        if work.changed("Description"):
            text = {"Value": work.get("Description", "")}
            work.call(
                "ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, Description=text
            )
        tagging.change(work)
        return self._read(work, interface)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteNetworkInterface", NetworkInterfaceId=work.physical_id)
