"""Buckets: one object in, and what is needed to let objects go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.errors import DsEc2Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3 import S3Client

_MOST_PER_CALL = 1000
"""Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


class Buckets:
    """S3."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def count(self, bucket: str) -> int:
        """Return the number of objects, versions and delete markers; 0 where the bucket is gone."""
        try:
            return sum(len(page) for page in self._versions(bucket))
        except NoSuchThingError:
            return 0

    @translated
    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object; one that is there is written over."""
        self._client.put_object(Bucket=bucket, Key=key, Body=data)

    @translated
    def empty(self, bucket: str, prefix: str = "") -> int:
        """Remove every object, version and delete marker below a prefix, and return how many there were.

        Raises:
            DsEc2Error: S3 kept one of them, with its reason.
        """
        removed = 0
        for page in self._versions(bucket, prefix):
            for begin in range(0, len(page), _MOST_PER_CALL):
                some: Any = page[begin : begin + _MOST_PER_CALL]
                answer = self._client.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
                if failed := answer.get("Errors"):
                    first = failed[0]
                    raise DsEc2Error(
                        f"S3 keeps {len(failed)} objects of {bucket}",
                        why=f"{first.get('Key', '')}: {first.get('Message', first.get('Code', ''))}",
                    )
                removed += len(some)
        return removed

    def _versions(self, bucket: str, prefix: str = "") -> Iterator[list[dict[str, str]]]:
        """Yield pages of {Key, VersionId}."""
        pages = iter(
            self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        )
        while (page := _next(pages)) is not None:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            yield [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]


@translated
def _next(pages: Iterator[Any]) -> Any:
    return next(pages, None)
