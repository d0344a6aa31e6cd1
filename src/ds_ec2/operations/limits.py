"""What a request cannot ask for, whatever the account: told before anybody is asked."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import UsageError
from ds_ec2.model.names import check_name

if TYPE_CHECKING:
    from ds_ec2.model.requests import UpRequest

_MOST_IDLE_MINUTES: Final = 7 * 24 * 60
_MOST_MINUTES: Final = 365 * 24 * 60


def check_request(request: UpRequest) -> None:
    """Check what can be checked without asking AWS.

    Raises:
        UsageError: A value cannot be right.
    """
    check_name(request.name)
    check_cidr(request.vpc_cidr)
    if not re.fullmatch(r"3\.[0-9]{1,2}", request.python):
        raise UsageError(f"{request.python!r} is no Python version", hint="--python 3.12")
    if not 0 <= request.idle_minutes <= _MOST_IDLE_MINUTES:
        raise UsageError(
            f"{request.idle_minutes} minutes cannot be",
            why="0 (never) to one week",
            hint="--idle-timeout 60m",
        )
    if not 0 <= request.max_minutes <= _MOST_MINUTES:
        raise UsageError(
            f"{request.max_minutes} minutes cannot be", why="0 (never) to one year", hint="--max-duration 8h"
        )
    if request.image and not re.fullmatch(r"ami-[0-9a-f]{8,17}", request.image):
        raise UsageError(f"{request.image!r} is no image id", hint="--image ami-0123456789abcdef0")
    for size, option in ((request.data_gib, "--data-gib"), (request.root_gib or 8, "--root-gib")):
        # Source: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html (gp3: 1 GiB to 16 TiB)
        if not 1 <= size <= 16384:
            raise UsageError(f"{option} {size} cannot be", why="a gp3 volume has 1 to 16,384 GiB")


def check_cidr(text: str) -> None:
    """Check the address range of a VPC.

    Raises:
        UsageError: It is no range, or of a size that a VPC cannot have.
    """
    try:
        size = IPv4Network(text).prefixlen
    except ValueError as error:
        raise UsageError(f"{text} is no address range", why=str(error), hint="--cidr 10.7.0.0/16") from None
    # A VPC may be /16 to /28; seven subnets of 64 addresses need /23.
    # Source: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
    if not 16 <= size <= 23:
        raise UsageError(
            f"{text} does not fit", why="a network here is /16 to /23", hint="--cidr 10.7.0.0/16"
        )
