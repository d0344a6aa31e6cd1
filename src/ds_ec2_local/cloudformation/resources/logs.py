"""Log groups."""

from __future__ import annotations

from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class LogGroup(Handler):
    """AWS::Logs::LogGroup."""

    type_name = "AWS::Logs::LogGroup"
    accepts = properties("KmsKeyId LogGroupClass LogGroupName RetentionInDays")

    def create(self, work: Work) -> Made:
        """Make a log group."""
        name = work.get("LogGroupName") or work.generated_name(512)
        work.call(
            "logs",
            "CreateLogGroup",
            logGroupName=name,
            kmsKeyId=work.get("KmsKeyId"),
            logGroupClass=work.get("LogGroupClass"),
            tags=work.tags or None,
        )
        work.begun(name)
        self._retention(work, name)
        return self._made(work, name)

    def _retention(self, work: Work, name: str) -> None:
        if work.changed("RetentionInDays"):
            days = work.get("RetentionInDays")
            verb = "PutRetentionPolicy" if days else "DeleteRetentionPolicy"
            work.call("logs", verb, logGroupName=name, retentionInDays=days)

    def _made(self, work: Work, name: str) -> Made:
        caller = work.stack.caller
        return Made(name, {"Arn": f"arn:aws:logs:{caller.region}:{caller.account}:log-group:{name}:*"})

    def update(self, work: Work) -> Made:
        """Change retention and tags."""
        name = work.physical_id
        self._retention(work, name)
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("logs", "UntagLogGroup", logGroupName=name, tags=gone)
        if work.tags and work.tags != work.old_tags:
            work.call("logs", "TagLogGroup", logGroupName=name, tags=work.tags)
        return self._made(work, name)

    def delete(self, work: Work) -> None:
        """Delete it with its streams."""
        work.call("logs", "DeleteLogGroup", logGroupName=work.physical_id)
