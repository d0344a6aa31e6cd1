"""Security groups and their rules."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from botocore.exceptions import ClientError

from ds_ec2_local.cloudformation.errors import Refused
from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties

_EVERYWHERE: Final = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
"""The rule that a new group has for outgoing traffic."""


def permission(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a template's rule as EC2 takes it."""
    said = {"Description": rule["Description"]} if rule.get("Description") else {}
    found: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    found |= {name: int(rule[name]) for name in ("FromPort", "ToPort") if name in rule}
    if "CidrIp" in rule:
        found["IpRanges"] = [{"CidrIp": rule["CidrIp"], **said}]
    if "CidrIpv6" in rule:
        found["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **said}]
    if lists := rule.get("SourcePrefixListId") or rule.get("DestinationPrefixListId"):
        found["PrefixListIds"] = [{"PrefixListId": lists, **said}]
    pair = {
        "GroupId": rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId"),
        "GroupName": rule.get("SourceSecurityGroupName"),
        "UserId": rule.get("SourceSecurityGroupOwnerId"),
    }
    if pair["GroupId"] or pair["GroupName"]:
        found["UserIdGroupPairs"] = [{k: v for k, v in pair.items() if v} | said]
    return found


class SecurityGroup(Handler):
    """AWS::EC2::SecurityGroup."""

    type_name = "AWS::EC2::SecurityGroup"
    accepts = properties("GroupDescription GroupName SecurityGroupEgress SecurityGroupIngress VpcId")

    def create(self, work: Work) -> Made:
        """Make a group with its rules; rules for outgoing traffic take the place of the default one."""
        group = work.call(
            "ec2",
            "CreateSecurityGroup",
            GroupName=work.get("GroupName") or work.generated_name(255),
            Description=work.get("GroupDescription"),
            VpcId=work.get("VpcId"),
            TagSpecifications=tagging.on_creation(work, "security-group"),
        )["GroupId"]
        work.begun(group)
        self._rules(work, group)
        return self._read(work, group)

    def _rules(self, work: Work, group: str) -> None:
        old, new = work.old.get("SecurityGroupIngress") or [], work.get("SecurityGroupIngress") or []
        self._exchange(work, group, "Ingress", (list(map(permission, old)), list(map(permission, new))))
        old, new = work.old.get("SecurityGroupEgress") or [], work.get("SecurityGroupEgress") or []
        before = list(map(permission, old)) or [_EVERYWHERE]
        after = list(map(permission, new)) or [_EVERYWHERE]
        self._exchange(work, group, "Egress", (before, after))

    def _exchange(
        self, work: Work, group: str, way: str, rules: tuple[list[dict[str, Any]], list[dict[str, Any]]]
    ) -> None:
        before, after = rules
        gone = [rule for rule in before if rule not in after]
        come = [rule for rule in after if rule not in before]
        if gone:
            # A group without the default rule (an old account, a restored group) has nothing to revoke.
            with contextlib.suppress(ClientError):
                work.call("ec2", f"RevokeSecurityGroup{way}", GroupId=group, IpPermissions=gone)
        if come:
            work.call("ec2", f"AuthorizeSecurityGroup{way}", GroupId=group, IpPermissions=come)

    def _read(self, work: Work, group: str) -> Made:
        found = work.call("ec2", "DescribeSecurityGroups", GroupIds=[group])["SecurityGroups"][0]
        return Made(group, {"GroupId": group, "Id": group, "VpcId": found.get("VpcId", "")})

    def update(self, work: Work) -> Made:
        """Change rules and tags."""
        self._rules(work, work.physical_id)
        tagging.change(work)
        return self._read(work, work.physical_id)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ec2", "DeleteSecurityGroup", GroupId=work.physical_id)


class _Rule(Handler):
    way = ""

    def create(self, work: Work) -> Made:
        """Add the rule."""
        answer = work.call(
            "ec2",
            f"AuthorizeSecurityGroup{self.way}",
            **self._group(work),
            IpPermissions=[permission(work.properties)],
        )
        rules = answer.get("SecurityGroupRules") or [{}]
        rule = rules[0].get("SecurityGroupRuleId") or work.generated_name(64)
        return Made(rule, {"Id": rule})

    def _group(self, work: Work) -> dict[str, Any]:
        return work.pick("GroupId", "GroupName")

    def update(self, work: Work) -> Made:
        """Change the description, the only thing that can be changed in place."""
        if not work.changed("Description"):
            raise Refused("Only the description of a rule is changed in place")
        work.call(
            "ec2",
            f"UpdateSecurityGroupRuleDescriptions{self.way}",
            **self._group(work),
            IpPermissions=[permission(work.properties)],
        )
        return Made(work.physical_id, {"Id": work.physical_id})

    def delete(self, work: Work) -> None:
        """Remove the rule."""
        work.call(
            "ec2",
            f"RevokeSecurityGroup{self.way}",
            **self._group(work),
            IpPermissions=[permission(work.properties)],
        )


class SecurityGroupIngress(_Rule):
    """AWS::EC2::SecurityGroupIngress."""

    type_name = "AWS::EC2::SecurityGroupIngress"
    way = "Ingress"
    accepts = properties(
        "CidrIp CidrIpv6 Description FromPort GroupId GroupName IpProtocol SourcePrefixListId"
        " SourceSecurityGroupId"
        " SourceSecurityGroupName SourceSecurityGroupOwnerId ToPort"
    )


class SecurityGroupEgress(_Rule):
    """AWS::EC2::SecurityGroupEgress."""

    type_name = "AWS::EC2::SecurityGroupEgress"
    way = "Egress"
    accepts = properties(
        "CidrIp CidrIpv6 Description DestinationPrefixListId DestinationSecurityGroupId FromPort"
        " GroupId IpProtocol"
        " ToPort"
    )
