"""Parameters in Parameter Store."""

from __future__ import annotations

from typing import Any

from ds_ec2_local.cloudformation.resources.tagging import listed
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Parameter(Handler):
    """AWS::SSM::Parameter."""

    type_name = "AWS::SSM::Parameter"
    accepts = properties("AllowedPattern DataType Description Name Policies Tier Type Value")

    def create(self, work: Work) -> Made:
        """Put a parameter that must not exist yet."""
        name = work.get("Name") or f"CFN-{work.definition.logical_id}-{work.generated_name(64)[-12:]}"
        self._put(work, name, Tags=listed(work.tags) or None)
        return self._made(work, name)

    def _put(self, work: Work, name: str, **more: Any) -> None:
        given = work.pick("AllowedPattern", "DataType", "Description", "Policies", "Tier", "Type", "Value")
        work.call("ssm", "PutParameter", Name=name, **given, **more)

    def _made(self, work: Work, name: str) -> Made:
        caller = work.stack.caller
        arn = f"arn:aws:ssm:{caller.region}:{caller.account}:parameter/{name.lstrip('/')}"
        return Made(name, {"Type": work.get("Type"), "Value": work.get("Value"), "Arn": arn})

    def update(self, work: Work) -> Made:
        """Put it anew."""
        name = work.physical_id
        self._put(work, name, Overwrite=True)
        target = {"ResourceType": "Parameter", "ResourceId": name}
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("ssm", "RemoveTagsFromResource", **target, TagKeys=gone)
        if work.tags and work.tags != work.old_tags:
            work.call("ssm", "AddTagsToResource", **target, Tags=listed(work.tags))
        return self._made(work, name)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("ssm", "DeleteParameter", Name=work.physical_id)
