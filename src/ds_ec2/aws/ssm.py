"""SSM parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import NoSuchThingError, translated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_ssm import SSMClient

_BATCH: Final = 10
"""Names of one GetParameters.

Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""


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

    def values(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return the values of the parameters that exist, by name: ten a call, the calls at once."""
        from concurrent.futures import ThreadPoolExecutor

        batches = [names[at : at + _BATCH] for at in range(0, len(names), _BATCH)]
        if not batches:
            return {}
        found: dict[str, str] = {}
        with ThreadPoolExecutor(len(batches)) as pool:
            for batch in pool.map(self._values, batches):
                found |= batch
        return found

    @translated
    def _values(self, names: tuple[str, ...]) -> dict[str, str]:
        answer = self._client.get_parameters(Names=list(names))
        return {item["Name"]: item.get("Value", "") for item in answer["Parameters"] if "Name" in item}

    @translated
    def get_all(self, names: Iterable[str]) -> dict[str, str]:
        """Return the values of those that there are; one call for ten.

        Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
        """
        wanted = sorted(set(names))
        found: dict[str, str] = {}
        for start in range(0, len(wanted), 10):
            answer = self._client.get_parameters(Names=wanted[start : start + 10])
            found |= {item["Name"]: item["Value"] for item in answer["Parameters"]}
        return found

    @translated
    def names(self, path: str) -> tuple[str, ...]:
        """Return the names of all parameters below a path."""
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
        return tuple(item["Name"] for page in pages for item in page["Parameters"] if "Name" in item)
