"""S3 buckets and their policies."""

from __future__ import annotations

import re
from typing import Any, Final

from ds_ec2_local.cloudformation.errors import ResourceFailure
from ds_ec2_local.cloudformation.resources.documents import as_text
from ds_ec2_local.cloudformation.resources.tagging import listed
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Bucket(Handler):
    """AWS::S3::Bucket."""

    type_name = "AWS::S3::Bucket"
    accepts = properties(
        "AccessControl BucketEncryption BucketName CorsConfiguration LifecycleConfiguration"
        " LoggingConfiguration OwnershipControls PublicAccessBlockConfiguration VersioningConfiguration"
    )

    def create(self, work: Work) -> Made:
        """Make a bucket and configure it."""
        bucket = work.get("BucketName") or work.generated_name(63).lower()
        region = work.stack.caller.region
        place = None if region == "us-east-1" else {"LocationConstraint": region}
        work.call("s3", "CreateBucket", Bucket=bucket, CreateBucketConfiguration=place)
        work.begun(bucket)
        self._configure(work, bucket)
        return self._made(work, bucket)

    def _made(self, work: Work, bucket: str) -> Made:
        region = work.stack.caller.region
        return Made(
            bucket,
            {
                "Arn": f"arn:aws:s3:::{bucket}",
                "DomainName": f"{bucket}.s3.amazonaws.com",
                "DualStackDomainName": f"{bucket}.s3.dualstack.{region}.amazonaws.com",
                "RegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
                "WebsiteURL": f"http://{bucket}.s3-website-{region}.amazonaws.com",
            },
        )

    def _configure(self, work: Work, bucket: str) -> None:
        if work.changed("AccessControl"):
            # AwsExecRead is aws-exec-read to S3.
            acl = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", work.get("AccessControl", "Private")).lower()
            work.call("s3", "PutBucketAcl", Bucket=bucket, ACL=acl)
        for name, (put, key, remove, convert) in _CONFIGURATIONS.items():
            if not work.changed(name):
                continue
            if work.get(name) is None:
                work.call(
                    "s3", remove, Bucket=bucket, **({key: {"Status": "Suspended"}} if remove == put else {})
                )
            else:
                work.call("s3", put, Bucket=bucket, **{key: convert(work.get(name))})
        if work.tags != work.old_tags:
            if work.tags:
                work.call("s3", "PutBucketTagging", Bucket=bucket, Tagging={"TagSet": listed(work.tags)})
            else:
                work.call("s3", "DeleteBucketTagging", Bucket=bucket)

    def update(self, work: Work) -> Made:
        """Change the configuration."""
        self._configure(work, work.physical_id)
        return self._made(work, work.physical_id)

    def delete(self, work: Work) -> None:
        """Delete it; a bucket with objects stays, as on AWS."""
        work.call("s3", "DeleteBucket", Bucket=work.physical_id)


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        found = dict(rule)
        if default := found.pop("ServerSideEncryptionByDefault", None):
            found["ApplyServerSideEncryptionByDefault"] = default
        rules.append(found)
    return {"Rules": rules}


def _lifecycle(given: dict[str, Any]) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(rule) for rule in given["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule as S3 takes it; the template's names differ.

    Raises:
        ResourceFailure: The rule has a part that is not translated.
    """
    rule = dict(rule)
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in rule.pop("TagFilters", [])]
    prefix = rule.pop("Prefix", "")
    found: dict[str, Any] = {"Status": rule.pop("Status"), "Filter": {"Prefix": prefix}}
    if tags:
        found["Filter"] = {"And": {"Prefix": prefix, "Tags": tags}}
    if "Id" in rule:
        found["ID"] = rule.pop("Id")
    expiration = {
        "Days": rule.pop("ExpirationInDays", None),
        "Date": rule.pop("ExpirationDate", None),
        "ExpiredObjectDeleteMarker": rule.pop("ExpiredObjectDeleteMarker", None),
    }
    if expiration := {name: value for name, value in expiration.items() if value is not None}:
        found["Expiration"] = expiration
    if days := rule.pop("NoncurrentVersionExpirationInDays", None):
        found["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            found[name] = rule.pop(name)
    for abort in [found[name] for name in ("AbortIncompleteMultipartUpload",) if name in found]:
        found["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": abort["DaysAfterInitiation"]}
    if "Transitions" in rule:
        found["Transitions"] = [
            {"StorageClass": step["StorageClass"], "Days": step["TransitionInDays"]}
            for step in rule.pop("Transitions")
        ]
    if rule:
        raise ResourceFailure(f"The embedded AWS does not support {', '.join(rule)} in lifecycle rules")
    return found


def _cors(given: dict[str, Any]) -> dict[str, Any]:
    names = {
        "AllowedHeaders": "AllowedHeaders", "AllowedMethods": "AllowedMethods", "AllowedOrigins":
        "AllowedOrigins",
        "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID",
    }  # fmt: skip
    return {
        "CORSRules": [{names[name]: value for name, value in rule.items()} for rule in given["CorsRules"]]
    }


def _logging(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "LoggingEnabled": {
            "TargetBucket": given["DestinationBucketName"],
            "TargetPrefix": given.get("LogFilePrefix", ""),
        }
    }


def _same(given: dict[str, Any]) -> dict[str, Any]:
    return given


_CONFIGURATIONS: Final = {
    "OwnershipControls": (
        "PutBucketOwnershipControls", "OwnershipControls", "DeleteBucketOwnershipControls", _same,
    ),
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock", "PublicAccessBlockConfiguration", "DeletePublicAccessBlock", _same,
    ),
    "BucketEncryption": (
        "PutBucketEncryption", "ServerSideEncryptionConfiguration", "DeleteBucketEncryption", _encryption,
    ),
    "VersioningConfiguration": (
        "PutBucketVersioning", "VersioningConfiguration", "PutBucketVersioning", _same,
    ),
    "LifecycleConfiguration": (
        "PutBucketLifecycleConfiguration", "LifecycleConfiguration", "DeleteBucketLifecycle", _lifecycle,
    ),
    "CorsConfiguration": ("PutBucketCors", "CORSConfiguration", "DeleteBucketCors", _cors),
    "LoggingConfiguration": ("PutBucketLogging", "BucketLoggingStatus", "PutBucketLogging", _logging),
}  # fmt: skip


class BucketPolicy(Handler):
    """AWS::S3::BucketPolicy."""

    type_name = "AWS::S3::BucketPolicy"
    accepts = properties("Bucket PolicyDocument")

    def create(self, work: Work) -> Made:
        """Put the policy."""
        bucket = work.get("Bucket")
        work.call("s3", "PutBucketPolicy", Bucket=bucket, Policy=as_text(work.get("PolicyDocument")))
        return Made(bucket)

    def update(self, work: Work) -> Made:
        """Put it anew."""
        return self.create(work)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("s3", "DeleteBucketPolicy", Bucket=work.physical_id)
