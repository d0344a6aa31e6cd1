"""Alarms of CloudWatch."""

from __future__ import annotations

from ds_ec2_local.cloudformation.resources.tagging import listed
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class Alarm(Handler):
    """AWS::CloudWatch::Alarm."""

    type_name = "AWS::CloudWatch::Alarm"
    accepts = properties(
        "ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator DatapointsToAlarm"
        " Dimensions"
        " EvaluateLowSampleCountPercentile EvaluationPeriods ExtendedStatistic InsufficientDataActions"
        " MetricName"
        " Metrics Namespace OKActions Period Statistic Threshold ThresholdMetricId TreatMissingData Unit"
    )

    def create(self, work: Work) -> Made:
        """Put an alarm."""
        return self._put(work, work.get("AlarmName") or work.generated_name(255))

    def _put(self, work: Work, name: str) -> Made:
        given = {key: value for key, value in work.properties.items() if key not in {"Tags", "AlarmName"}}
        tags = listed(work.tags) or None
        work.call("cloudwatch", "PutMetricAlarm", AlarmName=name, **given, Tags=tags)
        found = work.call("cloudwatch", "DescribeAlarms", AlarmNames=[name])["MetricAlarms"][0]
        return Made(name, {"Arn": found["AlarmArn"]})

    def update(self, work: Work) -> Made:
        """Put it anew."""
        return self._put(work, work.physical_id)

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("cloudwatch", "DeleteAlarms", AlarmNames=[work.physical_id])
