"""Repositories of container images."""

from __future__ import annotations

from ds_ec2_local.cloudformation.resources.documents import as_text
from ds_ec2_local.cloudformation.resources.tagging import listed
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Repository(Handler):
    """AWS::ECR::Repository."""

    type_name = "AWS::ECR::Repository"
    accepts = properties(
        "EmptyOnDelete EncryptionConfiguration ImageScanningConfiguration ImageTagMutability LifecyclePolicy"
        " RepositoryName RepositoryPolicyText"
    )

    def create(self, work: Work) -> Made:
        """Make a repository with its policies."""
        name = work.get("RepositoryName") or work.generated_name(256).lower()
        encryption = work.get("EncryptionConfiguration")
        work.call(
            "ecr",
            "CreateRepository",
            repositoryName=name,
            encryptionConfiguration=encryption
            and {"encryptionType": encryption["EncryptionType"], "kmsKey": encryption.get("KmsKey")},
            imageTagMutability=work.get("ImageTagMutability"),
            imageScanningConfiguration={"scanOnPush": self._scans(work)},
            tags=listed(work.tags) or None,
        )
        work.begun(name)
        self._policies(work, name)
        return self._made(work, name)

    @staticmethod
    def _scans(work: Work) -> bool:
        return str(work.get("ImageScanningConfiguration", {}).get("ScanOnPush", "")).lower() == "true"

    def _policies(self, work: Work, name: str) -> None:
        if work.changed("LifecyclePolicy"):
            text = work.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
            if text:
                work.call("ecr", "PutLifecyclePolicy", repositoryName=name, lifecyclePolicyText=text)
            else:
                work.call("ecr", "DeleteLifecyclePolicy", repositoryName=name)
        if work.changed("RepositoryPolicyText"):
            text = as_text(work.get("RepositoryPolicyText"))
            if text:
                work.call("ecr", "SetRepositoryPolicy", repositoryName=name, policyText=text)
            else:
                work.call("ecr", "DeleteRepositoryPolicy", repositoryName=name)

    def _made(self, work: Work, name: str) -> Made:
        caller = work.stack.caller
        return Made(
            name,
            {
                "Arn": f"arn:aws:ecr:{caller.region}:{caller.account}:repository/{name}",
                "RepositoryUri": f"{caller.account}.dkr.ecr.{caller.region}.amazonaws.com/{name}",
            },
        )

    def update(self, work: Work) -> Made:
        """Change policies, scanning, mutability and tags."""
        name = work.physical_id
        self._policies(work, name)
        if work.changed("ImageTagMutability"):
            mutability = work.get("ImageTagMutability", "MUTABLE")
            work.call("ecr", "PutImageTagMutability", repositoryName=name, imageTagMutability=mutability)
        if work.changed("ImageScanningConfiguration"):
            scan = {"scanOnPush": self._scans(work)}
            work.call(
                "ecr", "PutImageScanningConfiguration", repositoryName=name, imageScanningConfiguration=scan
            )
        made = self._made(work, name)
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("ecr", "UntagResource", resourceArn=made.attributes["Arn"], tagKeys=gone)
        if work.tags and work.tags != work.old_tags:
            work.call("ecr", "TagResource", resourceArn=made.attributes["Arn"], tags=listed(work.tags))
        return made

    def delete(self, work: Work) -> None:
        """Delete it; one with images stays unless it may be emptied, as on AWS."""
        force = work.true("EmptyOnDelete")
        work.call("ecr", "DeleteRepository", repositoryName=work.physical_id, force=force)
