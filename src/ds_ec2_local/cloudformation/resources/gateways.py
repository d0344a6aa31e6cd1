"""Internet gateways and NAT gateways."""

from __future__ import annotations

from typing import Any

from ds_ec2_local.cloudformation.errors import ResourceFailure
from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class InternetGateway(Handler):
    """AWS::EC2::InternetGateway."""

    type_name = "AWS::EC2::InternetGateway"
    accepts = properties("")

    def create(self, work: Work) -> Made:
        """Make an internet gateway."""
        tags = tagging.on_creation(work, "internet-gateway")
        found = work.call("ec2", "CreateInternetGateway", TagSpecifications=tags)["InternetGateway"]
        gateway = found["InternetGatewayId"]
        return Made(gateway, {"InternetGatewayId": gateway})

    def update(self, work: Work) -> Made:
        """Change tags."""
        tagging.change(work)
        return Made(work.physical_id, {"InternetGatewayId": work.physical_id})

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteInternetGateway", InternetGatewayId=work.physical_id)


class VpcGatewayAttachment(Handler):
    """AWS::EC2::VPCGatewayAttachment, of an internet gateway."""

    type_name = "AWS::EC2::VPCGatewayAttachment"
    accepts = properties("InternetGatewayId VpcId")

    def create(self, work: Work) -> Made:
        """Attach the gateway."""
        work.call("ec2", "AttachInternetGateway", **work.properties)
        return Made(f"IGW|{work.get('VpcId')}", {"AttachmentType": "IGW"})

    def update(self, work: Work) -> Made:
        """Attach another gateway in place of the one before."""
        work.call("ec2", "DetachInternetGateway", **work.old)
        return self.create(work)

    def delete(self, work: Work) -> None:
        """Detach the gateway."""
        work.call("ec2", "DetachInternetGateway", **work.properties)


class NatGateway(Handler):
    """AWS::EC2::NatGateway."""

    type_name = "AWS::EC2::NatGateway"
    accepts = properties("AllocationId ConnectivityType PrivateIpAddress SubnetId")

    def create(self, work: Work) -> Made:
        """Make a NAT gateway and wait until it is available."""
        gateway = work.call(
            "ec2",
            "CreateNatGateway",
            **self._given(work),
            TagSpecifications=tagging.on_creation(work, "natgateway"),
        )["NatGateway"]["NatGatewayId"]
        work.begun(gateway)
        work.until(lambda: self._settled(work, gateway), f"{gateway} is not available")
        return self._read(work, gateway)

    def _given(self, work: Work) -> dict[str, Any]:
        return {name: value for name, value in work.properties.items() if name != "Tags"}

    def _settled(self, work: Work, gateway: str) -> bool:
        found = self._describe(work, gateway)
        if found["State"] == "failed":
            raise ResourceFailure(
                f"NatGateway {gateway} is in state failed: {found.get('FailureMessage', '')}"
            )
        return bool(found["State"] == "available")

    def _describe(self, work: Work, gateway: str) -> dict[str, Any]:
        found = work.call("ec2", "DescribeNatGateways", NatGatewayIds=[gateway])["NatGateways"]
        return found[0] if found else {"State": "deleted"}

    def _read(self, work: Work, gateway: str) -> Made:
        addresses = self._describe(work, gateway).get("NatGatewayAddresses") or [{}]
        interface = addresses[0].get("NetworkInterfaceId", "")
        return Made(gateway, {"NatGatewayId": gateway, "EniId": interface})

    def update(self, work: Work) -> Made:
        """Change tags."""
        tagging.change(work)
        return self._read(work, work.physical_id)

    def delete(self, work: Work) -> None:
        """Delete it and wait until it is gone, so that its address can be released."""
        work.call("ec2", "DeleteNatGateway", NatGatewayId=work.physical_id)
        work.until(
            lambda: self._describe(work, work.physical_id)["State"] == "deleted", f"{work.physical_id} stays"
        )
