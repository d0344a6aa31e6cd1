"""EC2: requests for spot machines, which outlive the machines that they launched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.ec2 import tags_of
from ds_ec2.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client

LIVING: Final = ("open", "active", "disabled")
"""States in which a request may launch or start a machine; others can only be looked at.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-cancel.html
"""


@dataclass(frozen=True, slots=True)
class SpotRequest:
    """A request.

    Args:
        id: `sir-...`.
        state: `open`, `active`, `disabled`, `cancelled`, ...
        code: EC2's status code: `fulfilled`, `instance-stopped-no-capacity`, ...
        message: The same in EC2's words.
        updated_at: When its status last changed.
        instance: The machine that it launched last, or empty.
        tags: The request's own.
    """

    id: str
    state: str
    code: str
    message: str = ""
    updated_at: datetime | None = None
    instance: str = ""
    tags: Mapping[str, str] | None = None

    @property
    def living(self) -> bool:
        """Whether it may still launch or start a machine."""
        return self.state in LIVING


class SpotRequests:
    """EC2's spot requests."""

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    @translated
    def find(self, filters: Mapping[str, list[str]]) -> tuple[SpotRequest, ...]:
        """Return the requests that match, in whatever state."""
        pages = self._client.get_paginator("describe_spot_instance_requests").paginate(
            Filters=[{"Name": name, "Values": values} for name, values in filters.items()]
        )
        return tuple(
            SpotRequest(
                id=item["SpotInstanceRequestId"],
                state=item["State"],
                code=item.get("Status", {}).get("Code", ""),
                message=item.get("Status", {}).get("Message", ""),
                updated_at=item.get("Status", {}).get("UpdateTime"),
                instance=item.get("InstanceId", ""),
                tags=tags_of(item.get("Tags", [])),
            )
            for page in pages
            for item in page["SpotInstanceRequests"]
        )

    @translated
    def cancel(self, names: Sequence[str]) -> None:
        """Call CancelSpotInstanceRequests. A running machine stays; one that is stopped is terminated."""
        self._client.cancel_spot_instance_requests(SpotInstanceRequestIds=list(names))
