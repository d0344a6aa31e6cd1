"""The resources that actions are asked about: an example of each kind, and all of a kind for a policy.

Stacks begin with `ds-ec2-`, and CloudFormation names what it makes after the stack.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/ (each service's resource types).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Kind to an ARN; {name} is what ds-ec2 names, or `*` where all are meant.
_KINDS: Final[Mapping[str, str]] = {
    "any": "*",
    "stack": "arn:{partition}:cloudformation:{region}:{account}:stack/ds-ec2-{name}/*",
    "role": "arn:{partition}:iam::{account}:role/ds-ec2-{name}",
    "profile": "arn:{partition}:iam::{account}:instance-profile/ds-ec2-{name}",
    "parameter": "arn:{partition}:ssm:{region}:{account}:parameter/ds-ec2/{name}",
    "image": "arn:{partition}:ssm:{region}::parameter/aws/service/{name}",
    "bucket": "arn:{partition}:s3:::ds-ec2-{name}",
    "object": "arn:{partition}:s3:::ds-ec2-{name}/{name}",
    "function": "arn:{partition}:lambda:{region}:{account}:function:ds-ec2-{name}",
    "rule": "arn:{partition}:events:{region}:{account}:rule/ds-ec2-{name}",
    "logs": "arn:{partition}:logs:{region}:{account}:log-group:ds-ec2-{name}",
    "instance": "arn:{partition}:ec2:{region}:{account}:instance/{name}",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the resources are.

    Args:
        partition: `aws`, `aws-cn`, `aws-us-gov`.
        region: The region.
        account: The account's id.
    """

    partition: str
    region: str
    account: str

    def example(self, kind: str) -> str:
        """Return the ARN of one resource of a kind."""
        return self._fill(kind, "check")

    def pattern(self, kind: str) -> str:
        """Return what stands for all of ours of a kind in a policy."""
        return self._fill(kind, "*")

    def _fill(self, kind: str, name: str) -> str:
        return _KINDS[kind].format(
            partition=self.partition, region=self.region, account=self.account, name=name
        )
