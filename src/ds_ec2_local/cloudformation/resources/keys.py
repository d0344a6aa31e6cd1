"""Keys of KMS, and their names."""

from __future__ import annotations

from ds_ec2_local.cloudformation.resources.documents import as_text
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Key(Handler):
    """AWS::KMS::Key; its `Ref` is the id."""

    type_name = "AWS::KMS::Key"
    accepts = properties("Description KeyPolicy PendingWindowInDays")

    def create(self, work: Work) -> Made:
        """Make a key for encryption."""
        tags = [{"TagKey": key, "TagValue": value} for key, value in work.tags.items()]
        found = work.call(
            "kms",
            "CreateKey",
            Description=work.get("Description"),
            Policy=as_text(work.get("KeyPolicy")),
            Tags=tags or None,
        )["KeyMetadata"]
        return Made(found["KeyId"], {"Arn": found["Arn"], "KeyId": found["KeyId"]})

    def update(self, work: Work) -> Made:
        """Change policy, description and tags."""
        key = work.physical_id
        if work.changed("KeyPolicy"):
            policy = as_text(work.get("KeyPolicy"))
            work.call("kms", "PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)
        if work.changed("Description"):
            work.call("kms", "UpdateKeyDescription", KeyId=key, Description=work.get("Description", ""))
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("kms", "UntagResource", KeyId=key, TagKeys=gone)
        if work.tags and work.tags != work.old_tags:
            tags = [{"TagKey": name, "TagValue": value} for name, value in work.tags.items()]
            work.call("kms", "TagResource", KeyId=key, Tags=tags)
        arn = work.call("kms", "DescribeKey", KeyId=key)["KeyMetadata"]["Arn"]
        return Made(key, {"Arn": arn, "KeyId": key})

    def delete(self, work: Work) -> None:
        """Let it be deleted after its waiting time."""
        days = work.get("PendingWindowInDays")
        work.call("kms", "ScheduleKeyDeletion", KeyId=work.physical_id, PendingWindowInDays=days)


class Alias(Handler):
    """AWS::KMS::Alias."""

    type_name = "AWS::KMS::Alias"
    accepts = properties("AliasName TargetKeyId")

    def create(self, work: Work) -> Made:
        """Name a key."""
        name = work.get("AliasName")
        work.call("kms", "CreateAlias", AliasName=name, TargetKeyId=work.get("TargetKeyId"))
        return Made(name)

    def update(self, work: Work) -> Made:
        """Name another key."""
        work.call("kms", "UpdateAlias", AliasName=work.physical_id, TargetKeyId=work.get("TargetKeyId"))
        return Made(work.physical_id)

    def delete(self, work: Work) -> None:
        """Take the name away; the key stays."""
        work.call("kms", "DeleteAlias", AliasName=work.physical_id)
