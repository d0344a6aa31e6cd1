"""Quotas of the account, and requests for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.offers import Market
    from ds_ec2.model.plans import Quota


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """One vCPU quota.

    Args:
        name: The families that share it: `G and VT on demand`.
        code: `L-DB2E81BA`.
        limit: vCPUs allowed; None where it could not be read.
        used: vCPUs that run now.
        asked: vCPUs that an open request asks for; None where there is none, or it was not asked.
    """

    name: str
    code: str
    limit: float | None
    used: int
    asked: float | None = None

    @property
    def free(self) -> float | None:
        """How many vCPUs may be started."""
        return None if self.limit is None else max(0.0, self.limit - self.used)


OPEN: Final = frozenset({"PENDING", "CASE_OPENED"})
"""What AWS says of a request that is not decided.

Source: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestedServiceQuotaChange.html
"""
APPROVED: Final = "APPROVED"


@dataclass(frozen=True, slots=True)
class QuotaRequest:
    """A request for more.

    Args:
        id: Its id.
        code: The quota's code.
        value: What is asked for.
        status: Where it stands, in AWS's word.
        case: Id of the support case, or empty.
        asked_at: When.
    """

    id: str
    code: str
    value: float
    status: str
    case: str = ""
    asked_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether nothing is decided."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class QuotaPlan:
    """What `quota request` would ask for.

    Args:
        region: Where.
        type: The instance type that is wanted.
        market: On demand or spot.
        name: The families that share the quota.
        quota: What there is and what the machine needs.
        value: vCPUs to ask for.
        open: A request of the same quota that is not decided: it is followed instead.
    """

    region: str
    type: InstanceType
    market: Market
    name: str
    quota: Quota
    value: float
    open: QuotaRequest | None = None
