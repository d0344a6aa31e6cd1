"""Custom resources: a Lambda function or an SNS topic makes them, and puts its answer to an address."""

from __future__ import annotations

import json
import uuid
from typing import Any, Final

from ds_ec2_local.cloudformation.errors import ResourceFailure
from ds_ec2_local.cloudformation.work import Handler, Made, Work

_PATIENCE_S: Final = 3_600.0
"""Source: AWS::CloudFormation::CustomResource, ServiceTimeout."""


class CustomResource(Handler):
    """AWS::CloudFormation::CustomResource and Custom::*."""

    type_name = "AWS::CloudFormation::CustomResource"
    accepts = None

    def create(self, work: Work) -> Made:
        """Ask the provider to make it."""
        return self._ask(work, "Create", {})

    def update(self, work: Work) -> Made:
        """Ask the provider to change it; another physical id in the answer means that the old one goes."""
        made = self._ask(
            work, "Update", {"OldResourceProperties": work.old, "PhysicalResourceId": work.physical_id}
        )
        if made.physical_id != work.physical_id:
            self._ask(work, "Delete", {"PhysicalResourceId": work.physical_id})
        return made

    def delete(self, work: Work) -> None:
        """Ask the provider to delete it."""
        self._ask(work, "Delete", {"PhysicalResourceId": work.physical_id})

    def _ask(self, work: Work, kind: str, more: dict[str, Any]) -> Made:
        url = work.signals.open()
        request_id = str(uuid.uuid4())
        message = {
            "RequestType": kind,
            "ResponseURL": url,
            "StackId": work.stack.stack_id,
            "RequestId": request_id,
            "ResourceType": work.definition.type,
            "LogicalResourceId": work.definition.logical_id,
            "ServiceToken": work.get("ServiceToken"),
            "ResourceProperties": work.properties,
            **more,
        }
        try:
            self._send(work, str(work.get("ServiceToken")), json.dumps(message))
            patience = float(work.get("ServiceTimeout", _PATIENCE_S))
            signals = work.signals.at(url).wait(1, patience, work.stack.cancel)
        finally:
            work.signals.close(url)
        if not signals:
            raise ResourceFailure(
                "CloudFormation did not receive a response from your Custom Resource."
                f" Please check your logs for requestId [{request_id}]."
            )
        return self._read(work, signals[0].data, succeeded=signals[0].succeeded)

    def _send(self, work: Work, token: str, message: str) -> None:
        if ":lambda:" in token:
            work.call(
                "lambda", "Invoke", FunctionName=token, InvocationType="Event", Payload=message.encode()
            )
        elif ":sns:" in token:
            subject = "AWS CloudFormation custom resource request"
            work.call("sns", "Publish", TopicArn=token, Message=message, Subject=subject)
        else:
            raise ResourceFailure(
                f"Invalid service token {token}: it names no Lambda function and no SNS topic"
            )

    def _read(self, work: Work, answer: Any, *, succeeded: bool) -> Made:
        if not isinstance(answer, dict):
            raise ResourceFailure("Invalid response from the custom resource: it has no RequestId")
        if not succeeded:
            raise ResourceFailure(
                f"Received response status [FAILED] from custom resource. Message returned:"
                f" {answer.get('Reason', '')}"
            )
        physical_id = answer.get("PhysicalResourceId") or work.physical_id
        if not physical_id:
            raise ResourceFailure("Invalid PhysicalResourceId")
        return Made(str(physical_id), answer.get("Data") or {})
