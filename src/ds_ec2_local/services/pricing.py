"""The Pricing API, as far as prices of on-demand Linux machines go; every region has us-east-1's here."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ds_ec2_local.services.ec2.launch import check_type, vcpus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@lru_cache
def _prices() -> dict[str, Any]:
    text = files("ds_ec2_local").joinpath("data/prices.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def usd_per_hour(instance_type: str) -> float | None:
    """Return a type's price, or None where it is not known."""
    prices = _prices()
    exact = prices["usd_per_hour"].get(instance_type)
    if exact is not None:
        return float(exact)
    rate = prices["usd_per_vcpu_hour"].get(instance_type.partition(".")[0])
    return None if rate is None else round(rate * vcpus(instance_type), 6)


def _product(instance_type: str, region: str, price: float) -> str:
    facts = check_type(instance_type)
    sku = instance_type.replace(".", "").upper()
    term = f"{sku}.JRTCKXETXF"
    return json.dumps(
        {
            "product": {
                "productFamily": "Compute Instance",
                "sku": sku,
                "attributes": {
                    "instanceType": instance_type,
                    "regionCode": region,
                    "operatingSystem": "Linux",
                    "tenancy": "Shared",
                    "preInstalledSw": "NA",
                    "capacitystatus": "Used",
                    "vcpu": str(facts["VCpuInfo"]["DefaultVCpus"]),
                    "memory": f"{facts['MemoryInfo']['SizeInMiB'] / 1024:g} GiB",
                },
            },
            "serviceCode": "AmazonEC2",
            "terms": {
                "OnDemand": {
                    term: {
                        "sku": sku,
                        "priceDimensions": {
                            f"{term}.6YS6EN2CT7": {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}
                        },
                    }
                }
            },
        }
    )


def _products(request: dict[str, Any]) -> dict[str, Any]:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    wanted = {f["Field"]: f["Value"] for f in request.get("Filters", ()) if f.get("Type") == "TERM_MATCH"}
    region = wanted.get("regionCode", "us-east-1")
    others = {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    if any(wanted.get(field, value) != value for field, value in others.items()):
        return {"FormatVersion": "aws_v1", "PriceList": []}
    names = [wanted["instanceType"]] if "instanceType" in wanted else sorted(INSTANCE_TYPES)
    priced = [(n, p) for n in names if n in INSTANCE_TYPES and (p := usd_per_hour(n)) is not None]
    start, size = int(request.get("NextToken") or 0), int(request.get("MaxResults") or 100)
    page = priced[start : start + size]
    answer: dict[str, Any] = {
        "FormatVersion": "aws_v1",
        "PriceList": [_product(name, region, price) for name, price in page],
    }
    if start + size < len(priced):
        answer["NextToken"] = str(start + size)
    return answer


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer calls of service `pricing` (WSGI)."""
    action = environ.get("HTTP_X_AMZ_TARGET", "").rsplit(".", 1)[-1]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    request = json.loads(environ["wsgi.input"].read(length) or b"{}")
    if action != "GetProducts" or request.get("ServiceCode") != "AmazonEC2":
        raise NotImplementedError(f"{action} of {request.get('ServiceCode')}")
    body = json.dumps(_products(request)).encode()
    start_response(
        "200 OK", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
    )
    return [body]
