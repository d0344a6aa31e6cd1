"""Requests for more quota: asked for, decided a moment later, and then in force.

On AWS somebody or something decides within minutes to days. Here it takes a moment, and the fault
`quota_decision` says what it is; while that is `PENDING` or `CASE_OPENED`, nothing is decided.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from ds_ec2_local.services.failures import AwsError
from ds_ec2_local.services.parts import ACCOUNT

if TYPE_CHECKING:
    from ds_ec2_local.services.faults import Faults

OPEN: Final = frozenset({"PENDING", "CASE_OPENED"})
"""Source: botocore's model of service-quotas, RequestStatus."""
_DECIDED_AFTER_S: Final = 2.0
_USUAL: Final = "APPROVED"


@dataclass(slots=True)
class Request:
    """One request.

    Args:
        service: `ec2`.
        code: The quota's.
        name: The quota's.
        region: Where it was asked.
        value: What is asked for.
        asked_at: Unix seconds.
        id: Its id.
        status: As AWS spells it.
    """

    service: str
    code: str
    name: str
    region: str
    value: float
    asked_at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: uuid4().hex)
    status: str = "PENDING"


_lock = threading.Lock()
_made: list[Request] = []


def ask(request: Request, current: float) -> Request:
    """Take a request.

    Raises:
        AwsError: One of the same quota is open, or it asks for no more than there is.
    """
    with _lock:
        if any(
            (one.code, one.region) == (request.code, request.region) and one.status in OPEN for one in _made
        ):
            raise AwsError(
                "ResourceAlreadyExistsException",
                "Only one open service quota increase request is allowed per quota.",
            )
        if request.value <= current:
            raise AwsError(
                "IllegalArgumentException",
                "You must provide a quota value greater than the current quota value",
            )
        _made.append(request)
    return request


def of(faults: Faults, code: str, region: str) -> list[Request]:
    """Return the requests of a quota, the newest first, decided as far as they are due."""
    decision = str(faults.get("quota_decision") or _USUAL)
    with _lock:
        for one in _made:
            if one.status in OPEN and time.time() >= one.asked_at + _DECIDED_AFTER_S:
                one.status = decision
        return [one for one in reversed(_made) if (one.code, one.region) == (code, region)]


def granted(faults: Faults, code: str, region: str) -> float:
    """Return the most that was approved of a quota, 0 where nothing was."""
    return max((one.value for one in of(faults, code, region) if one.status == "APPROVED"), default=0.0)


def document(request: Request) -> dict[str, Any]:
    """Return a request as AWS tells it."""
    return {
        "Id": request.id,
        "ServiceCode": request.service,
        "QuotaCode": request.code,
        "QuotaName": request.name,
        "DesiredValue": request.value,
        "Status": request.status,
        "Created": request.asked_at,
        "LastUpdated": request.asked_at,
        "QuotaArn": f"arn:aws:servicequotas:{request.region}:{ACCOUNT}:{request.service}/{request.code}",
    }
