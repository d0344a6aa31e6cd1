"""Every rate that is not an instance's, in one table, with its source. US dollars, us-east-1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOURS_PER_MONTH: Final = 730
"""The month that AWS's own calculator uses. Source: https://calculator.aws/"""
HOME_REGION: Final = "us-east-1"
"""Elsewhere these rates are shown as approximate."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate.

    Args:
        usd: US dollars per unit.
        unit: `hour`, or `GiB-month` (AWS writes GB and means GiB).
        source: The page that publishes it.
    """

    usd: float
    unit: str
    source: str


_EBS: Final = "https://aws.amazon.com/ebs/pricing/"
_VPC: Final = "https://aws.amazon.com/vpc/pricing/"

DISK: Final = Rate(0.08, "GiB-month", _EBS)
"""gp3 at its base throughput and IOPS."""
SNAPSHOT: Final = Rate(0.05, "GiB-month", _EBS)
"""Standard tier; only blocks that were written count."""
PUBLIC_IPV4: Final = Rate(0.005, "hour", _VPC)
NAT_GATEWAY: Final = Rate(0.045, "hour", _VPC)
"""Besides $0.045 per GB; it bills whether anything runs or not."""
ENDPOINT: Final = Rate(0.01, "hour", "https://aws.amazon.com/privatelink/pricing/")
"""An interface endpoint, per zone, besides $0.01 per GB."""
NAT_INSTANCE: Final = Rate(0.0042, "hour", "https://aws.amazon.com/ec2/pricing/on-demand/")
"""t4g.nano."""

NAT_INSTANCE_DISK_GIB: Final = 8
ENDPOINTS_WITHOUT_WAY_OUT: Final = 2
"""`ssm` and `ssmmessages`: what Session Manager needs."""
