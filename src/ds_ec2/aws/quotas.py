"""vCPU quotas, looked at before anything is made, and asked to be raised."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.model.offers import Market
from ds_ec2.model.plans import Quota
from ds_ec2.model.quotas import QuotaRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_service_quotas import ServiceQuotasClient

    from ds_ec2.aws.ec2 import Ec2, Instance
    from ds_ec2.model.instances import InstanceType

_SERVICE: Final = "ec2"
COUNTED: Final = frozenset({"pending", "running"})
"""States of instances that count. Source: as `CLASSES`."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
VPCS: Final = "L-F678F1CE"
"""VPCs per Region, of the service `vpc`."""
USUAL_VPCS: Final = 5
"""Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"""


class QuotaClass(NamedTuple):
    """Instance families that share a quota.

    Args:
        name: As AWS calls them.
        pattern: Of the names of their types.
        on_demand: Code of the quota.
        spot: Code of the quota of the spot market; empty where there is none.
    """

    name: str
    pattern: str
    on_demand: str
    spot: str


# In vCPUs, counted while machines are pending or running. The documentation names no spot quota of P families
# later than P5; Macs are sold on dedicated hosts alone.
# Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
CLASSES: Final = (
    QuotaClass("Standard", r"(a|c|d|h|i|im|is|m|r|t|z)[0-9]", "L-1216C47A", "L-34B43A08"),
    QuotaClass("G and VT", r"(gr?|vt)[0-9]", "L-DB2E81BA", "L-3819A6DF"),
    QuotaClass("P5", r"p5", "L-417A185B", "L-C4BD4855"),
    QuotaClass("P2, P3, P4", r"p[234]", "L-417A185B", "L-7212CCBC"),
    QuotaClass("P", r"p[0-9]", "L-417A185B", ""),
    QuotaClass("Inf", r"inf[0-9]", "L-1945791B", "L-B5D1601B"),
    QuotaClass("Trn", r"trn[0-9]", "L-2C3B7624", "L-6B0D517C"),
    QuotaClass("DL", r"dl[0-9]", "L-6E869C2A", "L-85EED4F7"),
    QuotaClass("F", r"f[0-9]", "L-74FC7D96", "L-88CF9481"),
    QuotaClass("X", r"x[0-9]", "L-7295265B", "L-E3A00192"),
    QuotaClass("HPC", r"hpc[0-9]", "L-F7808C92", ""),
    QuotaClass("High Memory", r"u(-|[0-9])", "L-43DA4232", ""),
)


def quota_code(instance_type: str, market: Market = Market.ON_DEMAND) -> str:
    """Return the code of the quota that an instance type counts against, or empty."""
    for one in CLASSES:
        if re.match(one.pattern, instance_type):
            return one.spot if market is Market.SPOT else one.on_demand
    return ""


def quota_name(code: str) -> str:
    """Return what AWS calls the families of a quota, and its market; empty for a code that is not known."""
    names = [one.name for one in CLASSES if code and code in {one.on_demand, one.spot}]
    if not names:
        return ""
    market = "spot" if any(code == one.spot for one in CLASSES) else "on demand"
    return f"{names[-1] if len(names) > 1 else names[0]} {market}"


@dataclass(frozen=True, slots=True)
class Room:
    """What the account may run, by quota code.

    Args:
        limits: vCPUs allowed; None where it could not be read.
        used: vCPUs that run now.
    """

    limits: Mapping[str, float | None]
    used: Mapping[str, int]

    def verdict(self, instance_type: InstanceType, market: Market = Market.ON_DEMAND) -> Quota:
        """Return whether one more machine of a type fits."""
        code = quota_code(instance_type.name, market)
        return Quota(code, self.limits.get(code), self.used.get(code, 0), instance_type.vcpus)


class Quotas:
    """Service Quotas."""

    def __init__(self, client: ServiceQuotasClient, ec2: Ec2) -> None:
        self._client = client
        self._ec2 = ec2

    def room(self, codes: Iterable[str]) -> Room:
        """Return the limits of these quotas and what runs now, asked all at once."""
        wanted = set(codes) - {""}
        if not wanted:
            return Room({}, {})
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self._ec2.instances, {"instance-state-name": sorted(COUNTED)})
            limits = self.limits(wanted)
        return Room(limits, used(running.result()))

    def limits(self, codes: Iterable[str]) -> dict[str, float | None]:
        """Return the limits of these quotas, asked all at once."""
        wanted = sorted(set(codes) - {""})
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(8, len(wanted))) as pool:
            return dict(zip(wanted, pool.map(self._limit, wanted), strict=True))

    def vpcs(self) -> tuple[int, float]:
        """Return how many VPCs the region has, and how many it may have; that is asked only where it matters.

        Where it cannot be read, it is AWS's usual limit.
        """
        there = self._ec2.count_vpcs()
        if there < USUAL_VPCS:
            return there, USUAL_VPCS
        return there, self.limit("vpc", VPCS) or USUAL_VPCS

    def requests(self, code: str) -> tuple[QuotaRequest, ...]:
        """Return the requests for more of a quota, the newest first."""
        found = sorted(self._history(code), key=lambda one: one.asked_at or _LONG_AGO, reverse=True)
        return tuple(found)

    @translated
    def open_requests(self) -> tuple[QuotaRequest, ...]:
        """Return all requests for more of EC2's quotas that are not decided."""
        pages = self._client.get_paginator("list_requested_service_quota_change_history").paginate(
            ServiceCode=_SERVICE
        )
        every = (_request(item) for page in pages for item in page["RequestedQuotas"])
        return tuple(one for one in every if one.open)

    def listed(self, codes: Iterable[str]) -> dict[str, float | None]:
        """Return the limits of many quotas: a few pages of all, then AWS's defaults for those not in them."""
        found = self._listed("list_service_quotas")
        if set(codes) - set(found):
            found = self._listed("list_aws_default_service_quotas") | found
        return {code: found.get(code) for code in codes}

    @translated
    def _listed(self, operation: Any) -> dict[str, float]:
        pages: Any = self._client.get_paginator(operation).paginate(ServiceCode=_SERVICE)
        return {item["QuotaCode"]: item["Value"] for page in pages for item in page["Quotas"]}

    @translated
    def ask(self, code: str, value: float) -> QuotaRequest:
        """Call RequestServiceQuotaIncrease.

        Raises:
            AlreadyExistsError: A request of this quota is open.
        """
        answer = self._client.request_service_quota_increase(
            ServiceCode=_SERVICE, QuotaCode=code, DesiredValue=value
        )
        return _request(answer["RequestedQuota"])

    def limit(self, service: str, code: str) -> float | None:
        """Return a quota of a service: the account's own, else AWS's default; None where there is none."""
        try:
            return self._applied(service, code)
        except NoSuchThingError:
            pass
        try:
            return self._default(service, code)
        except NoSuchThingError:
            return None

    def _limit(self, code: str) -> float | None:
        return self.limit(_SERVICE, code)

    @translated
    def _history(self, code: str) -> list[QuotaRequest]:
        pages = self._client.get_paginator("list_requested_service_quota_change_history_by_quota").paginate(
            ServiceCode=_SERVICE, QuotaCode=code
        )
        return [_request(item) for page in pages for item in page["RequestedQuotas"]]

    @translated
    def _applied(self, service: str, code: str) -> float | None:
        answer = self._client.get_service_quota(ServiceCode=service, QuotaCode=code)
        return answer["Quota"].get("Value")

    @translated
    def _default(self, service: str, code: str) -> float | None:
        answer = self._client.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)
        return answer["Quota"].get("Value")


def used(instances: Iterable[Instance]) -> dict[str, int]:
    """Return the vCPUs that count against each quota."""
    found: dict[str, int] = {}
    for one in instances:
        if one.state in COUNTED:
            code = quota_code(one.type, Market.SPOT if one.spot else Market.ON_DEMAND)
            found[code] = found.get(code, 0) + (one.vcpus or 0)
    return found


def _request(item: Any) -> QuotaRequest:
    return QuotaRequest(
        id=item["Id"],
        code=item["QuotaCode"],
        value=item["DesiredValue"],
        status=item["Status"],
        case=item.get("CaseId", ""),
        asked_at=item.get("Created"),
    )
