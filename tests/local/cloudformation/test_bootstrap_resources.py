"""Repositories and keys, which `cdk bootstrap` makes: changed in place, and gone with their stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.cloudformation.builders import template

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

UNTAGGED = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 365,
            },
            "action": {"type": "expire"},
        }
    ]
}


def policy(action: str, **more: Any) -> dict[str, Any]:
    principal = {"AWS": "arn:aws:iam::123456789012:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_repository_is_changed_in_place(stacks: Stacks) -> None:
    def body(tag: str, **given: Any) -> str:
        given["Tags"] = [{"Key": tag, "Value": "1"}]
        resources = {"R": {"Type": "AWS::ECR::Repository", "Properties": given}}
        return template(resources, Outputs={"Uri": {"Value": {"Fn::GetAtt": "R.RepositoryUri"}}})

    ecr = stacks.client("ecr")
    lifecycle = {"LifecyclePolicyText": json.dumps(UNTAGGED)}
    name = stacks.create(body("a", ImageTagMutability="IMMUTABLE", LifecyclePolicy=lifecycle))
    repository = stacks.physical(name, "R")
    [found] = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["repositoryUri"] == stacks.outputs(name)["Uri"]
    assert json.loads(ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"]) == UNTAGGED

    scanned = body(
        "b", RepositoryPolicyText=policy("ecr:BatchGetImage"), ImageScanningConfiguration={"ScanOnPush": True}
    )
    assert stacks.update(name, scanned) == "UPDATE_COMPLETE"
    assert stacks.physical(name, "R") == repository
    [found] = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
    assert found["imageTagMutability"] == "MUTABLE"
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    assert "BatchGetImage" in ecr.get_repository_policy(repositoryName=repository)["policyText"]
    with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
        ecr.get_lifecycle_policy(repositoryName=repository)
    tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    assert [tag["Key"] for tag in tags] == ["b"]

    stacks.delete(name)
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.describe_repositories(repositoryNames=[repository])


def test_a_key_keeps_its_id_and_waits_for_its_end(stacks: Stacks) -> None:
    def body(description: str, action: str, tag: str) -> str:
        key = {
            "Description": description,
            "KeyPolicy": policy(action, Resource="*"),
            "Tags": [{"Key": tag, "Value": "1"}],
        }
        alias = {"AliasName": f"alias/{alias_name}", "TargetKeyId": {"Ref": "K"}}
        return template({
            "K": {"Type": "AWS::KMS::Key", "Properties": key},
            "A": {"Type": "AWS::KMS::Alias", "Properties": alias},
        })  # fmt: skip

    kms = stacks.client("kms")
    alias_name = stacks.name()
    name = stacks.create(body("first", "kms:*", "a"))
    key = stacks.physical(name, "K")
    assert kms.describe_key(KeyId=f"alias/{alias_name}")["KeyMetadata"]["KeyId"] == key
    assert stacks.update(name, body("second", "kms:Describe*", "b")) == "UPDATE_COMPLETE"
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "second"
    assert "kms:Describe*" in kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    assert [tag["TagKey"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]] == ["b"]
    stacks.delete(name)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId=f"alias/{alias_name}")
