"""vCPU quotas, looked at before anything is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.model.plans import Quota

if TYPE_CHECKING:
    from types_boto3_service_quotas import ServiceQuotasClient

    from ds_ec2.aws.ec2 import Ec2
    from ds_ec2.model.instances import InstanceType

_SERVICE: Final = "ec2"
# On-demand quotas, in vCPUs. Families of their own (f, x, u, dl, hpc) are left to EC2's last word.
# Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
_CODES: Final = (
    (r"(trn)", "L-2C3B7624"),
    (r"(inf)", "L-1945791B"),
    (r"(gr?|vt)[0-9]", "L-DB2E81BA"),
    (r"p[0-9]", "L-417A185B"),
    (r"(a|c|d|h|i|im|is|m|r|t|z)[0-9]", "L-1216C47A"),
)


def quota_code(instance_type: str) -> str:
    """Return the code of the on-demand quota that an instance type counts against, or empty."""
    return next((code for pattern, code in _CODES if re.match(pattern, instance_type)), "")


class Quotas:
    """Service Quotas."""

    def __init__(self, client: ServiceQuotasClient, ec2: Ec2) -> None:
        self._client = client
        self._ec2 = ec2

    def verdict(self, instance_type: InstanceType) -> Quota:
        """Return whether one more machine of a type fits. Blocks for two or three calls."""
        code = quota_code(instance_type.name)
        limit = self._limit(code) if code else None
        used = self._used(code) if limit is not None else 0
        return Quota(code, limit, used, instance_type.vcpus)

    def _limit(self, code: str) -> float | None:
        try:
            return self._applied(code)
        except NoSuchThingError:
            pass
        try:
            return self._default(code)
        except NoSuchThingError:
            return None

    def _used(self, code: str) -> int:
        running = self._ec2.instances({"instance-state-name": ["pending", "running"]})
        return sum(item.vcpus or 0 for item in running if quota_code(item.type) == code)

    @translated
    def _applied(self, code: str) -> float | None:
        answer = self._client.get_service_quota(ServiceCode=_SERVICE, QuotaCode=code)
        return answer["Quota"].get("Value")

    @translated
    def _default(self, code: str) -> float | None:
        answer = self._client.get_aws_default_service_quota(ServiceCode=_SERVICE, QuotaCode=code)
        return answer["Quota"].get("Value")
