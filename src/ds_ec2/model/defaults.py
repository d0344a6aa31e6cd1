"""What is taken where a user says nothing; apart from the requests, so that little is loaded with it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

DEFAULT_TYPE: Final = "m7i-flex.xlarge"
"""4 vCPU, 16 GiB, $0.19 an hour in us-east-1."""
DEFAULT_CIDR: Final = "10.0.0.0/16"


class WayOut(StrEnum):
    """How machines of a network reach the internet."""

    NAT_INSTANCE = "nat-instance"
    NAT_GATEWAY = "nat-gateway"
    NONE = "none"
