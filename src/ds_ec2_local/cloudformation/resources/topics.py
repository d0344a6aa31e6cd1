"""Topics of SNS."""

from __future__ import annotations

from ds_ec2_local.cloudformation.parameters import text_of
from ds_ec2_local.cloudformation.resources.tagging import listed
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Topic(Handler):
    """AWS::SNS::Topic; its `Ref` is the ARN."""

    type_name = "AWS::SNS::Topic"
    accepts = properties(
        "ContentBasedDeduplication DisplayName FifoTopic KmsMasterKeyId SignatureVersion Subscription"
        " TopicName"
        " TracingConfig"
    )
    _ATTRIBUTES = (
        "DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig", "ContentBasedDeduplication",
    )  # fmt: skip

    def create(self, work: Work) -> Made:
        """Make a topic with its subscriptions."""
        fifo = work.true("FifoTopic")
        name = work.get("TopicName") or work.generated_name(250) + (".fifo" if fifo else "")
        attributes = {key: text_of(value) for key, value in work.pick(*self._ATTRIBUTES).items()}
        if fifo:
            attributes["FifoTopic"] = "true"
        tags = listed(work.tags) or None
        topic = work.call("sns", "CreateTopic", Name=name, Attributes=attributes or None, Tags=tags)[
            "TopicArn"
        ]
        work.begun(topic)
        self._subscribe(work, topic)
        return self._made(topic)

    def _made(self, topic: str) -> Made:
        return Made(topic, {"TopicArn": topic, "TopicName": topic.rpartition(":")[2]})

    def _subscribe(self, work: Work, topic: str) -> None:
        old, new = work.old.get("Subscription") or [], work.get("Subscription") or []
        if old != new:
            present = work.call("sns", "ListSubscriptionsByTopic", TopicArn=topic)["Subscriptions"]
            gone = [(entry["Protocol"], entry["Endpoint"]) for entry in old if entry not in new]
            for entry in present:
                if (entry["Protocol"], entry["Endpoint"]) in gone:
                    work.call("sns", "Unsubscribe", SubscriptionArn=entry["SubscriptionArn"])
        for entry in new:
            if entry not in old:
                work.call(
                    "sns", "Subscribe", TopicArn=topic, Protocol=entry["Protocol"], Endpoint=entry["Endpoint"]
                )

    def update(self, work: Work) -> Made:
        """Change attributes, subscriptions and tags."""
        topic = work.physical_id
        for name in self._ATTRIBUTES:
            if work.changed(name):
                value = text_of(work.get(name, ""))
                work.call(
                    "sns", "SetTopicAttributes", TopicArn=topic, AttributeName=name, AttributeValue=value
                )
        self._subscribe(work, topic)
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("sns", "UntagResource", ResourceArn=topic, TagKeys=gone)
        if work.tags and work.tags != work.old_tags:
            work.call("sns", "TagResource", ResourceArn=topic, Tags=listed(work.tags))
        return self._made(topic)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("sns", "DeleteTopic", TopicArn=work.physical_id)
