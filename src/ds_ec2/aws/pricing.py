"""On-demand prices, from AWS's Pricing API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_pricing import PricingClient
    from types_boto3_pricing.type_defs import FilterTypeDef

REGION: Final = "us-east-1"
"""One of the few regions that have the API; each knows the prices of all.

Source: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""
_PLAIN: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
"""A machine on demand, without licences; a family has dozens of other prices."""


class PriceLists:
    """The Pricing API."""

    def __init__(self, client: PricingClient) -> None:
        self._client = client

    @translated
    def on_demand(self, region: str) -> dict[str, float]:
        """Return instance type to US dollars per hour; what costs nothing is left out."""
        wanted: dict[str, str] = _PLAIN | {"regionCode": region}
        filters: list[FilterTypeDef] = [
            {"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()
        ]
        pages = self._client.get_paginator("get_products").paginate(
            ServiceCode="AmazonEC2", Filters=filters, FormatVersion="aws_v1"
        )
        found: dict[str, float] = {}
        for page in pages:
            for text in page["PriceList"]:
                product = json.loads(text)
                name = product["product"]["attributes"].get("instanceType", "")
                for usd in _hourly(product):
                    if name and usd > 0:
                        found[name] = usd
        return found


def _hourly(product: Any) -> Iterator[float]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension.get("unit") == "Hrs":
                yield float(dimension["pricePerUnit"].get("USD", 0))
