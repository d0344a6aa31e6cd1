"""VPC endpoints and flow logs."""

from __future__ import annotations

from typing import Any

from ds_ec2_local.cloudformation.errors import ResourceFailure
from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.resources.documents import as_text
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class VpcEndpoint(Handler):
    """AWS::EC2::VPCEndpoint."""

    type_name = "AWS::EC2::VPCEndpoint"
    accepts = properties(
        "PolicyDocument PrivateDnsEnabled RouteTableIds SecurityGroupIds ServiceName SubnetIds"
        " VpcEndpointType VpcId"
    )

    def create(self, work: Work) -> Made:
        """Make an endpoint and wait until it is available."""
        endpoint = work.call(
            "ec2",
            "CreateVpcEndpoint",
            **work.pick(
                "PrivateDnsEnabled", "RouteTableIds", "SecurityGroupIds", "ServiceName", "SubnetIds",
                "VpcId",
            ),
            VpcEndpointType=work.get("VpcEndpointType", "Gateway"),
            PolicyDocument=as_text(work.get("PolicyDocument")),
            TagSpecifications=tagging.on_creation(work, "vpc-endpoint"),
        )["VpcEndpoint"]["VpcEndpointId"]  # fmt: skip
        work.begun(endpoint)
        work.until(lambda: self._settled(work, endpoint), f"{endpoint} is not available")
        return self._read(work, endpoint)

    def _describe(self, work: Work, endpoint: str) -> dict[str, Any]:
        found = work.call("ec2", "DescribeVpcEndpoints", VpcEndpointIds=[endpoint])["VpcEndpoints"]
        return found[0] if found else {}

    def _settled(self, work: Work, endpoint: str) -> bool:
        state = self._describe(work, endpoint).get("State", "").lower()
        if state in {"failed", "rejected"}:
            raise ResourceFailure(f"VPC endpoint {endpoint} is in state {state}")
        return bool(state == "available")

    def _read(self, work: Work, endpoint: str) -> Made:
        found = self._describe(work, endpoint)
        names = [f"{e.get('HostedZoneId', '')}:{e.get('DnsName', '')}" for e in found.get("DnsEntries", [])]
        return Made(
            endpoint,
            {
                "Id": endpoint,
                "DnsEntries": names,
                "NetworkInterfaceIds": found.get("NetworkInterfaceIds", []),
                "CreationTimestamp": str(found.get("CreationTimestamp", "")),
            },
        )

    def update(self, work: Work) -> Made:
        """Change route tables, subnets, groups, policy, private DNS and tags."""
        change: dict[str, Any] = {}
        kinds = {
            "RouteTableIds": "RouteTableIds",
            "SubnetIds": "SubnetIds",
            "SecurityGroupIds": "SecurityGroupIds",
        }
        for name, suffix in kinds.items():
            old, new = set(work.old.get(name) or ()), set(work.get(name) or ())
            change[f"Add{suffix}"] = sorted(new - old) or None
            change[f"Remove{suffix}"] = sorted(old - new) or None
        if work.changed("PrivateDnsEnabled"):
            change["PrivateDnsEnabled"] = work.true("PrivateDnsEnabled")
        if work.changed("PolicyDocument"):
            change["PolicyDocument"] = as_text(work.get("PolicyDocument"))
            change["ResetPolicy"] = True if work.get("PolicyDocument") is None else None
        if any(value is not None for value in change.values()):
            work.call("ec2", "ModifyVpcEndpoint", VpcEndpointId=work.physical_id, **change)
        tagging.change(work)
        return self._read(work, work.physical_id)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteVpcEndpoints", VpcEndpointIds=[work.physical_id])


class FlowLog(Handler):
    """AWS::EC2::FlowLog."""

    type_name = "AWS::EC2::FlowLog"
    accepts = properties(
        "DeliverCrossAccountRole DeliverLogsPermissionArn DestinationOptions LogDestination"
        " LogDestinationType"
        " LogFormat LogGroupName MaxAggregationInterval ResourceId ResourceType TrafficType"
    )

    def create(self, work: Work) -> Made:
        """Make a flow log."""
        given = {k: v for k, v in work.properties.items() if k not in {"Tags", "ResourceId"}}
        answer = work.call(
            "ec2",
            "CreateFlowLogs",
            **given,
            ResourceIds=[work.get("ResourceId")],
            TagSpecifications=tagging.on_creation(work, "vpc-flow-log"),
        )
        if failed := answer.get("Unsuccessful"):
            raise ResourceFailure(str(failed[0]["Error"]["Message"]))
        return Made(answer["FlowLogIds"][0], {"Id": answer["FlowLogIds"][0]})

    def update(self, work: Work) -> Made:
        """Change tags."""
        tagging.change(work)
        return Made(work.physical_id, {"Id": work.physical_id})

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteFlowLogs", FlowLogIds=[work.physical_id])
