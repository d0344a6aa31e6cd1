"""What a failure's reason means and what to do about it, for reasons that come as text (stack events)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ds_ec2.policy.statements import mended, refused


@dataclass(frozen=True, slots=True)
class _Known:
    pattern: str
    meaning: str
    hint: str


# Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_KNOWN: Final = (
    _Known(
        r"VcpuLimitExceeded|vCPU limit of",
        "the account's vCPU quota is too small for this instance type",
        "ds-ec2 quota request --instance-type TYPE",
    ),
    _Known(
        r"InsufficientInstanceCapacity|do not have sufficient .* capacity|InsufficientCapacity",
        "AWS has no machine of this type free in this zone",
        "name another zone (--zone) or another type (--instance-type), or try again a little later",
    ),
    _Known(
        r"VpcLimitExceeded|maximum number of VPCs",
        "the region's quota of VPCs is used up",
        "aws ec2 describe-vpcs (remove one, or ask for more of quota L-F678F1CE)",
    ),
    _Known(
        r"AddressLimitExceeded|maximum number of addresses",
        "the region's quota of Elastic IP addresses is used up",
        "aws ec2 describe-addresses",
    ),
    _Known(
        r"VolumeLimitExceeded|MaxIOPSLimitExceeded",
        "the region's quota of EBS storage is used up",
        "aws service-quotas list-service-quotas --service-code ebs --output table",
    ),
    _Known(
        r"PendingVerification",
        "AWS still verifies this account for the region",
        "wait for AWS's e-mail, up to four hours",
    ),
    _Known(
        r"is not supported in your requested Availability Zone|Unsupported.*(instance type|Availability)",
        "this zone does not sell this instance type",
        "name another zone: --zone",
    ),
)


def advice(reason: str) -> tuple[str, str]:
    """Return (what it means, what to do) for a reason in AWS's words; both empty where it is not known."""
    if denial := refused(reason):
        return f"AWS denies {denial.action}, {denial.cause.value}", mended([denial])
    for known in _KNOWN:
        if re.search(known.pattern, reason):
            return known.meaning, known.hint
    return "", ""
