"""The IAM actions that a call needs: mostly its own name, sometimes another, sometimes more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.services.calls import Call

_OTHERWISE: Final[Mapping[str, str]] = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "lambda:Invoke": "lambda:InvokeFunction",
}
"""Source: S3's user guide, required permissions for Amazon S3 API operations."""
_PASSES_ROLE: Final[Mapping[str, str]] = {
    "ec2:RunInstances": "IamInstanceProfile",
    "iam:AddRoleToInstanceProfile": "RoleName",
    "events:PutTargets": "RoleArn",
}
"""Calls that hand a role to a service, by the parameter that says so. Source: IAM's user guide, PassRole."""


def actions_of(call: Call) -> tuple[str, ...]:
    """Return the actions that IAM is asked about for a call."""
    name = f"{call.service}:{call.action}"
    found = [_OTHERWISE.get(name, name)]
    told = _PASSES_ROLE.get(name)
    if name == "lambda:CreateFunction" or (told and any(one.startswith(told) for one in call.parameters)):
        found.append("iam:PassRole")
    if call.protocol == "ec2" and any(one.startswith("TagSpecification") for one in call.parameters):
        found.append("ec2:CreateTags")
    return tuple(dict.fromkeys(found))
