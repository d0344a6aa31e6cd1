"""A small function in the account: inline code, a log, a role with what it needs, and rules that call it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import Construct

SWEEP: Final = "rate(5 minutes)"
"""A hold on capacity that its command left is past its minute for so long at most."""
_LOG_DAYS: Final = 14


class AccountFunction:
    """A function and what belongs to it; resources are `<name>`, `<name>Role`, `<name>Log`.

    Args:
        scope: Where the resources go.
        name: Logical id.
        description: What it does.
        code: Inline code with a `handler`.
        statements: What it may do, beside writing its log.
        variables: Its environment.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        description: str,
        *,
        code: str,
        statements: Sequence[Mapping[str, Any]],
        variables: Mapping[str, str],
    ) -> None:
        self._scope = scope
        self._name = name
        log = logs.CfnLogGroup(scope, f"{name}Log", retention_in_days=_LOG_DAYS)
        log.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        self.function = lambda_.CfnFunction(
            scope,
            name,
            description=description,
            runtime="python3.14",
            architectures=["arm64"],
            handler="index.handler",
            code=lambda_.CfnFunction.CodeProperty(zip_file=code),
            role=self._role(statements, log).attr_arn,
            timeout=60,
            memory_size=128,
            environment=lambda_.CfnFunction.EnvironmentProperty(variables=dict(variables)),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log.ref),
        )

    def rule(self, name: str, **when: Any) -> events.CfnRule:
        """Call the function at events (`event_pattern`) or by the clock (`schedule_expression`)."""
        rule = events.CfnRule(self._scope, name, state="ENABLED", targets=[], **when)
        self.called_by(rule, f"{name}May")
        return rule

    def called_by(self, rule: events.CfnRule, permission: str) -> None:
        """Have a rule call the function, beside what it calls already.

        Args:
            rule: The rule.
            permission: Logical id of what lets it.
        """
        target = events.CfnRule.TargetProperty(id=self._name.lower(), arn=self.function.attr_arn)
        rule.targets = [*cast("list[Any]", rule.targets), target]
        lambda_.CfnPermission(
            self._scope,
            permission,
            action="lambda:InvokeFunction",
            function_name=self.function.ref,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )

    def _role(self, statements: Sequence[Mapping[str, Any]], log: logs.CfnLogGroup) -> iam.CfnRole:
        write = {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": log.attr_arn,
        }
        document = {"Version": "2012-10-17", "Statement": [*statements, write]}
        policy = iam.CfnRole.PolicyProperty(policy_name="act", policy_document=document)
        trust = assumed_by("lambda.amazonaws.com")
        return iam.CfnRole(
            self._scope, f"{self._name}Role", assume_role_policy_document=trust, policies=[policy]
        )


def assumed_by(service: str) -> dict[str, object]:
    """Return the policy that lets a service take a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}
