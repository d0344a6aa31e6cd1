"""What EC2 says when it does not launch: there is none free, or the account may not have more."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Shortage(StrEnum):
    """Why an instance cannot be had here and now, though nothing is wrong with what was asked."""

    CAPACITY = "capacity"
    """None of this type is free in this zone: another zone may have one."""
    QUOTA = "quota"
    """The account may not run more of this class: no zone of the region has one for it."""


# Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and, for spot,
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html. A stack's events carry EC2's
# words, and its code only sometimes.
_WORDS: Final = (
    (
        Shortage.QUOTA,
        (
            r"VcpuLimitExceeded|vCPU limit of|InstanceLimitExceeded|MaxSpotInstanceCountExceeded"
            r"|Max spot instance count exceeded"
        ),
    ),
    (
        Shortage.CAPACITY,
        (
            r"InsufficientInstanceCapacity|InsufficientHostCapacity|InsufficientCapacity"
            r"|do not have sufficient \S+ capacity|no Spot capacity available|capacity-not-available"
            r"|UnfulfillableCapacity|SpotMaxPriceTooLow"
            r"|ReservationCapacityExceeded|requested reservation does not have sufficient"
            r"|not supported in your requested Availability Zone"
        ),
    ),
)


def shortage(words: str) -> Shortage | None:
    """Return which shortage AWS's words tell of; None for any other failure."""
    return next((what for what, pattern in _WORDS if re.search(pattern, words)), None)
