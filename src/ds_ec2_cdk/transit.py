"""The bucket that files go through between laptop and machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3

from ds_ec2.model.names import ON_ITS_WAY

if TYPE_CHECKING:
    from constructs import Construct

EXPIRY_DAYS: Final = 7
"""What lies below `ON_ITS_WAY` is gone then; a forgotten copy does not bill for long."""


def transit_bucket(scope: Construct) -> s3.CfnBucket:
    """Return a private, encrypted bucket. `network down` empties it before its stack goes."""
    bucket = s3.CfnBucket(
        scope,
        "TransitBucket",
        bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(
            server_side_encryption_configuration=[
                s3.CfnBucket.ServerSideEncryptionRuleProperty(
                    server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                        sse_algorithm="AES256"
                    )
                )
            ]
        ),
        public_access_block_configuration=s3.CfnBucket.PublicAccessBlockConfigurationProperty(
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        ),
        ownership_controls=s3.CfnBucket.OwnershipControlsProperty(
            rules=[
                s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced"),
            ]
        ),
        lifecycle_configuration=s3.CfnBucket.LifecycleConfigurationProperty(
            rules=[
                s3.CfnBucket.RuleProperty(
                    id="on-its-way",
                    status="Enabled",
                    prefix=f"{ON_ITS_WAY}/",
                    expiration_in_days=EXPIRY_DAYS,
                ),
                s3.CfnBucket.RuleProperty(
                    id="broken-off",
                    status="Enabled",
                    abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                        days_after_initiation=1
                    ),
                ),
            ]
        ),
    )
    bucket.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
    arn = bucket.attr_arn
    s3.CfnBucketPolicy(
        scope,
        "TransitBucketPolicy",
        bucket=bucket.ref,
        policy_document={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, cdk.Fn.join("", [arn, "/*"])],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        },
    )
    return bucket
