"""SSM parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.aws.errors import NoSuchThingError, translated

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


class Parameters:
    """SSM's parameter store."""

    def __init__(self, client: SSMClient) -> None:
        self._client = client

    def get(self, name: str) -> str | None:
        """Return a parameter's value, or None where there is none."""
        try:
            return self._get(name)
        except NoSuchThingError:
            return None

    @translated
    def _get(self, name: str) -> str:
        return self._client.get_parameter(Name=name)["Parameter"].get("Value", "")

    @translated
    def names(self, path: str) -> tuple[str, ...]:
        """Return the names of all parameters below a path."""
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
        return tuple(item["Name"] for page in pages for item in page["Parameters"] if "Name" in item)
