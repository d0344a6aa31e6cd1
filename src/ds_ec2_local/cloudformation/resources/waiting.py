"""Wait conditions; and CDK's metadata, which is nothing but itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ds_ec2_local.cloudformation.errors import ResourceFailure
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties

if TYPE_CHECKING:
    from ds_ec2_local.cloudformation.signals import Signal

LONGEST_TIMEOUT_S: Final = 43_200
"""Source: AWS::CloudFormation::WaitCondition, Timeout."""


class WaitConditionHandle(Handler):
    """AWS::CloudFormation::WaitConditionHandle; its `Ref` is the address that signals are put to."""

    type_name = "AWS::CloudFormation::WaitConditionHandle"
    accepts = properties("")

    def create(self, work: Work) -> Made:
        """Open a handle."""
        url = work.signals.open()
        return Made(url, {"Id": url})

    def delete(self, work: Work) -> None:
        """Close it."""
        work.signals.close(work.physical_id)


class WaitCondition(Handler):
    """AWS::CloudFormation::WaitCondition; it cannot be updated: a wait is over when it is over."""

    type_name = "AWS::CloudFormation::WaitCondition"
    accepts = properties("Count Handle Timeout")

    def create(self, work: Work) -> Made:
        """Wait for the signals."""
        handle, timeout = work.get("Handle"), float(work.get("Timeout", 0))
        if not handle or not 0 < timeout <= LONGEST_TIMEOUT_S:
            raise ResourceFailure(
                f"A WaitCondition needs a Handle, and a Timeout of 1 to {LONGEST_TIMEOUT_S} seconds"
            )
        count = int(work.get("Count", 1))
        try:
            box = work.signals.at(str(handle))
        except KeyError as error:
            raise ResourceFailure(f"{handle} is not a wait condition handle") from error
        name = f"{work.stack.stack_id}/{work.generated_name(128)}"
        work.begun(name)
        return self._judge(name, box.wait(count, timeout, work.stack.cancel), count)

    def _judge(self, name: str, signals: list[Signal], count: int) -> Made:
        for signal in signals:
            if not signal.succeeded:
                raise ResourceFailure(
                    f"WaitCondition received failed message: '{signal.reason}' for uniqueId:"
                    f" {signal.unique_id}"
                )
        if len(signals) < count:
            raise ResourceFailure(
                f"WaitCondition timed out. Received {len(signals)} conditions when expecting {count}"
            )
        data = json.dumps({signal.unique_id: signal.data for signal in signals}, separators=(",", ":"))
        return Made(name, {"Data": data, "Id": name})

    def delete(self, work: Work) -> None:
        """Do nothing: there is nothing behind it."""


class CdkMetadata(Handler):
    """AWS::CDK::Metadata."""

    type_name = "AWS::CDK::Metadata"
    accepts = None

    def create(self, work: Work) -> Made:
        """Give it a name."""
        return Made(work.generated_name(64))

    def update(self, work: Work) -> Made:
        """Keep it."""
        return Made(work.physical_id)

    def delete(self, work: Work) -> None:
        """Do nothing: there is nothing behind it."""
