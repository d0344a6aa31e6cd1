"""vCPU quotas, looked at before anything is made."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.model.offers import Market
from ds_ec2.model.plans import Quota

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_service_quotas import ServiceQuotasClient

    from ds_ec2.aws.ec2 import Ec2
    from ds_ec2.model.instances import InstanceType

_SERVICE: Final = "ec2"
# On-demand and spot quotas, in vCPUs. Families of their own (f, x, u, dl, hpc) are left to EC2's last word.
# Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
_CODES: Final = (
    (r"trn", "L-2C3B7624", "L-6B0D517C"),
    (r"inf", "L-1945791B", "L-B5D1601B"),
    (r"(gr?|vt)[0-9]", "L-DB2E81BA", "L-3819A6DF"),
    (r"p5", "L-417A185B", "L-C4BD4855"),
    (r"p[234]", "L-417A185B", "L-7212CCBC"),
    (r"p[0-9]", "L-417A185B", ""),
    (r"(a|c|d|h|i|im|is|m|r|t|z)[0-9]", "L-1216C47A", "L-34B43A08"),
)


def quota_code(instance_type: str, market: Market = Market.ON_DEMAND) -> str:
    """Return the code of the quota that an instance type counts against, or empty."""
    for pattern, on_demand, spot in _CODES:
        if re.match(pattern, instance_type):
            return spot if market is Market.SPOT else on_demand
    return ""


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

    def verdict(self, instance_type: InstanceType) -> Quota:
        """Return whether one more machine of a type fits. Blocks for two or three calls."""
        return self.room([quota_code(instance_type.name)]).verdict(instance_type)

    def room(self, codes: Iterable[str]) -> Room:
        """Return the limits of these quotas and what runs now, asked all at once."""
        wanted = sorted(set(codes) - {""})
        if not wanted:
            return Room({}, {})
        with ThreadPoolExecutor(len(wanted) + 1) as pool:
            used = pool.submit(self._used)
            limits = dict(zip(wanted, pool.map(self._limit, wanted), strict=True))
        return Room(limits, used.result())

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

    def _used(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self._ec2.instances({"instance-state-name": ["pending", "running"]}):
            code = quota_code(one.type, Market.SPOT if one.spot else Market.ON_DEMAND)
            found[code] = found.get(code, 0) + (one.vcpus or 0)
        return found

    @translated
    def _applied(self, service: str, code: str) -> float | None:
        answer = self._client.get_service_quota(ServiceCode=service, QuotaCode=code)
        return answer["Quota"].get("Value")

    @translated
    def _default(self, service: str, code: str) -> float | None:
        answer = self._client.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)
        return answer["Quota"].get("Value")
