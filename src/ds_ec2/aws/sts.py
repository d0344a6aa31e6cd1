"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_ec2.aws.errors import translated

if TYPE_CHECKING:
    from types_boto3_sts import STSClient


@dataclass(frozen=True, slots=True)
class Caller:
    """The answer of GetCallerIdentity."""

    account_id: str
    arn: str

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.arn.split(":")[1]

    @property
    def role(self) -> bool:
        """Whether it is somebody who has assumed a role."""
        return ":assumed-role/" in self.arn

    @property
    def name(self) -> str:
        """The last part of the ARN: a user's name, or the session's name of an assumed role."""
        return self.arn.rpartition(":")[2].rpartition("/")[2]


class Identity:
    """STS."""

    def __init__(self, client: STSClient) -> None:
        self._client = client

    @translated
    def caller(self) -> Caller:
        """Call GetCallerIdentity, which nobody can be denied."""
        answer = self._client.get_caller_identity()
        return Caller(answer["Account"], answer["Arn"])

    @translated
    def decoded(self, message: str) -> str:
        """Call DecodeAuthorizationMessage and return the JSON document behind EC2's encoded refusal.

        Raises:
            DeniedError: The caller may not read it.
        """
        return self._client.decode_authorization_message(EncodedMessage=message)["DecodedMessage"]
