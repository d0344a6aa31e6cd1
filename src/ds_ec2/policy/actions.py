"""The IAM actions that operations need, in one list: of their own calls, and of CloudFormation's for them.

CloudFormation makes resources with the permissions of whoever makes the stack. Tests hold the list against
the log of runs on the embedded AWS, and against what CloudFormation's schemas say of each resource type.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

STEPS: Final[Mapping[str, str]] = {
    "look": "to see what is there",
    "plan": "to plan",
    "snapshot": "to begin with a snapshot",
    "stacks": "to make a stack",
    "network": "to make the network",
    "data": "to make the data volume",
    "machine": "to make the machine",
    "spot": "to have a spot machine",
    "packages": "to send a large list of packages",
    "connect": "to connect",
    "start": "to start",
    "stop": "to stop",
    "remove": "to remove a machine",
    "remove-network": "to remove the network",
}
"""What a person reads for each step."""

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "up": ("look", "plan", "snapshot", "stacks", "network", "data", "machine", "spot", "packages", "start"),
    "lab": ("look", "connect", "start"),
    "start": ("look", "start"),
    "stop": ("look", "stop"),
    "down": ("look", "remove"),
    "network down": ("look", "remove-network"),
}
"""The steps of each operation; `up` starts a way out that is stopped."""

# Step, kind of resource (`policy.resources`), actions. With a question mark: it goes on without.
_TABLE: Final = """
look any         cloudformation:DescribeStacks ec2:DescribeInstances
plan any         ec2:DescribeInstanceTypes ec2:DescribeInstanceTypeOfferings ec2:DescribeAvailabilityZones
plan any         ec2:DescribeImages servicequotas:GetServiceQuota?
plan image       ssm:GetParameters
snapshot any     ec2:DescribeSnapshots

stacks stack     cloudformation:CreateStack cloudformation:DescribeStackEvents
stacks stack     cloudformation:UpdateTerminationProtection

network any      ec2:CreateVpc ec2:ModifyVpcAttribute ec2:DescribeVpcs ec2:CreateTags ec2:CreateSubnet
network any      ec2:ModifySubnetAttribute ec2:DescribeSubnets ec2:CreateRouteTable ec2:AssociateRouteTable
network any      ec2:DescribeRouteTables ec2:CreateRoute ec2:CreateInternetGateway ec2:AttachInternetGateway
network any      ec2:CreateSecurityGroup ec2:AuthorizeSecurityGroupIngress ec2:AuthorizeSecurityGroupEgress
network any      ec2:RevokeSecurityGroupEgress ec2:DescribeSecurityGroups ec2:CreateVpcEndpoint
network any      ec2:DescribeVpcEndpoints ec2:DescribeNetworkAcls
network instance ec2:RunInstances ec2:ModifyInstanceAttribute
network role     iam:CreateRole iam:AttachRolePolicy iam:PutRolePolicy iam:PassRole iam:TagRole
network function lambda:CreateFunction lambda:GetFunction lambda:AddPermission lambda:TagResource
network rule     events:PutRule events:PutTargets events:TagResource
network logs     logs:CreateLogGroup logs:PutRetentionPolicy logs:TagResource
network bucket   s3:CreateBucket s3:PutEncryptionConfiguration s3:PutLifecycleConfiguration s3:PutBucketPolicy
network bucket   s3:PutBucketOwnershipControls s3:PutBucketPublicAccessBlock s3:PutBucketTagging

data any         ec2:CreateVolume ec2:DescribeVolumes ec2:CreateTags

machine any      ec2:DescribeVolumes ec2:CreateTags ec2:AttachVolume
machine instance ec2:RunInstances
machine role     iam:CreateRole iam:AttachRolePolicy iam:PutRolePolicy iam:PassRole iam:TagRole
machine profile  iam:CreateInstanceProfile iam:AddRoleToInstanceProfile
machine parameter ssm:PutParameter ssm:AddTagsToResource ssm:GetParameters ssm:GetParameter

machine any      ec2:CreateCapacityReservation ec2:DescribeCapacityReservations ec2:CancelCapacityReservation
machine any      ec2:CreateLaunchTemplate ec2:DescribeLaunchTemplates

spot any         ec2:DescribeSpotPriceHistory? ec2:DescribeSpotInstanceRequests
spot any         ec2:CancelSpotInstanceRequests

packages object  s3:PutObject

connect instance ssm:StartSession
connect any      ssm:TerminateSession ssm:ResumeSession
connect parameter ssm:GetParameters ssm:GetParameter
start instance   ec2:StartInstances ec2:ModifyInstanceCapacityReservationAttributes
start parameter  ssm:GetParameters ssm:GetParameter
stop instance    ec2:StopInstances
stop any         ec2:DescribeVolumes?

remove stack     cloudformation:DeleteStack cloudformation:DescribeStackEvents
remove stack     cloudformation:UpdateTerminationProtection
remove instance  ec2:TerminateInstances ec2:ModifyInstanceAttribute
remove any       ec2:DescribeVolumes ec2:DescribeSnapshots ec2:DescribeNetworkInterfaces ec2:CreateSnapshot
remove any       ec2:CreateTags ec2:DetachVolume ec2:DeleteVolume ec2:DeleteSnapshot
remove role      iam:ListRolePolicies iam:ListAttachedRolePolicies iam:DeleteRolePolicy iam:DetachRolePolicy
remove role      iam:DeleteRole
remove profile   iam:GetInstanceProfile iam:RemoveRoleFromInstanceProfile iam:DeleteInstanceProfile
remove parameter ssm:DeleteParameter ssm:GetParametersByPath ssm:GetParameters ssm:GetParameter
remove any       ec2:DescribeSpotInstanceRequests ec2:CancelSpotInstanceRequests
remove any       ec2:DeleteLaunchTemplate ec2:DescribeCapacityReservations
remove bucket    s3:ListBucketVersions
remove object    s3:DeleteObject

remove-network stack cloudformation:DeleteStack cloudformation:DescribeStackEvents
remove-network stack cloudformation:UpdateTerminationProtection
remove-network instance ec2:TerminateInstances ec2:ModifyInstanceAttribute
remove-network any ec2:DeleteVpc ec2:DeleteSubnet ec2:DeleteRouteTable ec2:DeleteRoute
remove-network any ec2:DisassociateRouteTable ec2:DetachInternetGateway
remove-network any ec2:DeleteInternetGateway ec2:DeleteSecurityGroup
remove-network any ec2:DeleteVpcEndpoints ec2:DescribeVpcs ec2:DescribeSubnets ec2:DescribeRouteTables
remove-network any ec2:DescribeSecurityGroups ec2:DescribeVpcEndpoints ec2:DescribeNetworkInterfaces
remove-network role iam:ListRolePolicies iam:ListAttachedRolePolicies iam:DeleteRolePolicy
remove-network role iam:DetachRolePolicy iam:DeleteRole
remove-network function lambda:DeleteFunction lambda:RemovePermission lambda:GetFunction
remove-network rule events:RemoveTargets events:DeleteRule events:ListTargetsByRule
remove-network logs logs:DeleteLogGroup
remove-network bucket s3:ListBucketVersions s3:DeleteBucketPolicy s3:DeleteBucket
remove-network object s3:DeleteObject
"""


@dataclass(frozen=True, slots=True)
class Need:
    """One action that a step needs.

    Args:
        step: A key of `STEPS`.
        action: `ec2:RunInstances`.
        kind: Kind of resource, a key of `policy.resources`.
        needed: The operation cannot do without.
    """

    step: str
    action: str
    kind: str
    needed: bool = True


@cache
def needs(operation: str) -> tuple[Need, ...]:
    """Return what an operation needs, in the order of its steps."""
    steps = OPERATIONS[operation]
    return tuple(need for step in steps for need in _all() if need.step == step)


@cache
def _all() -> tuple[Need, ...]:
    rows = (line.split() for line in _TABLE.splitlines() if line)
    return tuple(
        Need(step, action.removesuffix("?"), kind, needed=not action.endswith("?"))
        for step, kind, *actions in rows
        for action in actions
    )
