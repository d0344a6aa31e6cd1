"""EC2's vCPU quotas: which type counts where, and how many there are.

Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.services import failures, quota_requests
from ds_ec2_local.services.parts import ACCOUNT, DEFAULT_REGION, current

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ds_ec2_local.services.faults import Faults


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota, in vCPUs where it is of service `ec2`.

    Args:
        code: Its code.
        name: Its name.
        families: A pattern of the instance families that count.
        spot: Whether it is of the spot market.
        value: What this account has.
        default: What a new account has.
        service: Its service.
    """

    code: str
    name: str
    families: re.Pattern[str]
    spot: bool
    value: float
    default: float
    service: str = "ec2"


def _pair(
    families: str, names: tuple[str, str], codes: tuple[str, str], value: float, default: float
) -> tuple[Quota, Quota]:
    pattern = re.compile(families)
    return (
        Quota(codes[0], names[0], pattern, spot=False, value=value, default=default),
        Quota(codes[1], names[1], pattern, spot=True, value=value, default=default),
    )


def _running(what: str) -> str:
    return f"Running On-Demand {what} instances"


def _asked(what: str) -> str:
    return f"All {what} Spot Instance Requests"


_STANDARD: Final = "Standard (A, C, D, H, I, M, R, T, Z)"

QUOTAS: Final[tuple[Quota, ...]] = (
    *_pair(r"inf\d", (_running("Inf"), _asked("Inf")), ("L-1945791B", "L-B5D1601B"), 0, 0),
    *_pair(r"trn\d", (_running("Trn"), _asked("Trn")), ("L-2C3B7624", "L-6B0D517C"), 0, 0),
    *_pair(r"(?:gr?|vt)\d", (_running("G and VT"), _asked("G and VT")), ("L-DB2E81BA", "L-3819A6DF"), 64, 0),
    Quota("L-417A185B", _running("P"), re.compile(r"p\d"), spot=False, value=0, default=0),
    Quota("L-C4BD4855", "All P5 Spot Instance Requests", re.compile(r"p5"), spot=True, value=0, default=0),
    Quota(
        "L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", re.compile(r"p[234]"),
        spot=True, value=0, default=0,
    ),
    *_pair(
        r"(?!hpc|inf|trn|mac|dl)[acdhimrtz]\d?[a-z]*\d*",
        (_running(_STANDARD), _asked(_STANDARD)), ("L-1216C47A", "L-34B43A08"), 64, 5,
    ),
    *_pair(r"dl\d", (_running("DL"), _asked("DL")), ("L-6E869C2A", "L-85EED4F7"), 0, 0),
    *_pair(r"f\d", (_running("F"), _asked("F")), ("L-74FC7D96", "L-88CF9481"), 0, 0),
    *_pair(r"x\d", (_running("X"), _asked("X")), ("L-7295265B", "L-E3A00192"), 0, 0),
    Quota("L-F7808C92", _running("HPC"), re.compile(r"hpc\d"), spot=False, value=0, default=0),
    Quota("L-43DA4232", _running("High Memory"), re.compile(r"u-|u\d"), spot=False, value=0, default=0),
    Quota(
        "L-F678F1CE", "VPCs per Region", re.compile(r"$^"), spot=False, value=5, default=5, service="vpc"
    ),
)  # fmt: skip
"""Standard and G: 64 here, so that a GPU machine can be tried; a new account has 5 and 0. Others: 0."""


_SERVICES: Final = {
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
}


def code_for(instance_type: str, *, spot: bool) -> str | None:
    """Return the code of the quota that a type counts for, or None where none is known."""
    for quota in QUOTAS:
        if quota.spot == spot and quota.families.match(instance_type):
            return quota.code
    return None


def limit(faults: Faults, code: str, region: str) -> float:
    """Return a quota's value: as a fault says or as the account has, or what was approved and is more."""
    other = faults.get("quota", {}).get(code)
    usual = next(quota.value for quota in QUOTAS if quota.code == code)
    return max(float(usual if other is None else other), quota_requests.granted(faults, code, region))


def _document(quota: Quota, region: str, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": quota.service,
        "ServiceName": _SERVICES[quota.service],
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


class NoSuchQuotaError(Exception):
    """There is no quota of that code."""


def _find(request: dict[str, Any]) -> Quota:
    for quota in QUOTAS:
        if (request.get("ServiceCode"), request.get("QuotaCode")) == (quota.service, quota.code):
            return quota
    raise NoSuchQuotaError("The request failed because the specified service or quota does not exist.")


def _get_service_quota(request: dict[str, Any], region: str) -> dict[str, Any]:
    quota = _find(request)
    return {"Quota": _document(quota, region, limit(current().faults, quota.code, region))}


def _get_default(request: dict[str, Any], region: str) -> dict[str, Any]:
    quota = _find(request)
    return {"Quota": _document(quota, region, quota.default)}


def _list(request: dict[str, Any], region: str) -> dict[str, Any]:
    faults = current().faults
    return {"Quotas": [_document(q, region, limit(faults, q.code, region)) for q in _of_service(request)]}


def _list_defaults(request: dict[str, Any], region: str) -> dict[str, Any]:
    return {"Quotas": [_document(q, region, q.default) for q in _of_service(request)]}


def _of_service(request: dict[str, Any]) -> list[Quota]:
    return [quota for quota in QUOTAS if quota.service == request.get("ServiceCode")]


def _ask_for_more(request: dict[str, Any], region: str) -> dict[str, Any]:
    quota = _find(request)
    asked = quota_requests.Request(
        quota.service, quota.code, quota.name, region, float(request["DesiredValue"])
    )
    quota_requests.ask(asked, limit(current().faults, quota.code, region))
    return {"RequestedQuota": quota_requests.document(asked)}


def _history(request: dict[str, Any], region: str) -> dict[str, Any]:
    quota = _find(request)
    found = quota_requests.of(current().faults, quota.code, region)
    wanted = request.get("Status")
    return {
        "RequestedQuotas": [quota_requests.document(one) for one in found if wanted in {None, one.status}]
    }


def _every_history(request: dict[str, Any], region: str) -> dict[str, Any]:
    faults, status = current().faults, request.get("Status")
    found = [one for quota in _of_service(request) for one in quota_requests.of(faults, quota.code, region)]
    return {
        "RequestedQuotas": [quota_requests.document(one) for one in found if status in {None, one.status}]
    }


_ACTIONS: Final = {
    "GetServiceQuota": _get_service_quota,
    "GetAWSDefaultServiceQuota": _get_default,
    "ListServiceQuotas": _list,
    "ListAWSDefaultServiceQuotas": _list_defaults,
    "RequestServiceQuotaIncrease": _ask_for_more,
    "ListRequestedServiceQuotaChangeHistory": _every_history,
    "ListRequestedServiceQuotaChangeHistoryByQuota": _history,
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer calls of service `servicequotas` (WSGI)."""
    action = environ.get("HTTP_X_AMZ_TARGET", "").rsplit(".", 1)[-1]
    handler = _ACTIONS.get(action)
    if handler is None:
        raise NotImplementedError(action)
    length = int(environ.get("CONTENT_LENGTH") or 0)
    request = json.loads(environ["wsgi.input"].read(length) or b"{}")
    region = environ.get("ds_ec2_local.region", DEFAULT_REGION)
    try:
        body = json.dumps(handler(request, region)).encode()
    except NoSuchQuotaError as error:
        return failures.answer(start_response, "json", "NoSuchResourceException", str(error))
    start_response(
        "200 OK", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
    )
    return [body]
