"""Rules of EventBridge."""

from __future__ import annotations

from ds_ec2_local.cloudformation.errors import ReplacementNeeded, ResourceFailure
from ds_ec2_local.cloudformation.resources.documents import as_text
from ds_ec2_local.cloudformation.resources.tagging import listed
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Rule(Handler):
    """AWS::Events::Rule."""

    type_name = "AWS::Events::Rule"
    accepts = properties(
        "Description EventBusName EventPattern Name RoleArn ScheduleExpression State Targets"
    )

    def create(self, work: Work) -> Made:
        """Make a rule with its targets."""
        name = work.get("Name") or work.generated_name(64)
        made = self._put(work, name)
        work.begun(name)
        self._targets(work, name)
        return made

    def _put(self, work: Work, name: str) -> Made:
        answer = work.call(
            "events",
            "PutRule",
            Name=name,
            EventPattern=as_text(work.get("EventPattern")),
            **work.pick("Description", "EventBusName", "RoleArn", "ScheduleExpression", "State"),
            Tags=listed(work.tags) or None,
        )
        return Made(name, {"Arn": answer["RuleArn"], "RuleName": name})

    def _targets(self, work: Work, name: str) -> None:
        bus = work.get("EventBusName")
        wanted = work.get("Targets") or []
        ids = {target["Id"] for target in wanted}
        gone = [target["Id"] for target in work.old.get("Targets") or () if target["Id"] not in ids]
        if gone:
            work.call("events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=gone)
        if wanted and work.changed("Targets"):
            answer = work.call("events", "PutTargets", Rule=name, EventBusName=bus, Targets=wanted)
            if failed := answer.get("FailedEntries"):
                raise ResourceFailure(f"Target {failed[0]['TargetId']}: {failed[0].get('ErrorMessage', '')}")

    def update(self, work: Work) -> Made:
        """Change the rule, its targets and tags."""
        if work.changed("EventBusName"):
            raise ReplacementNeeded
        made = self._put(work, work.physical_id)
        self._targets(work, work.physical_id)
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("events", "UntagResource", ResourceARN=made.attributes["Arn"], TagKeys=gone)
        return made

    def delete(self, work: Work) -> None:
        """Delete it with its targets."""
        bus, name = work.get("EventBusName"), work.physical_id
        answer = work.call("events", "ListTargetsByRule", Rule=name, EventBusName=bus)
        if ids := [target["Id"] for target in answer["Targets"]]:
            work.call("events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=ids)
        work.call("events", "DeleteRule", Name=name, EventBusName=bus)
