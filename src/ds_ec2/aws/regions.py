"""Which regions there are, as the installed botocore knows them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import UsageError

if TYPE_CHECKING:
    from botocore.session import Session

_USUAL: Final = "us-east-1"


def check_region(session: Session, region: str) -> None:
    """Check that there is such a region.

    Without this, a wrong name shows as a host that does not resolve, after many tries.

    Raises:
        UsageError: There is none.
    """
    known = {
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("ec2", partition, allow_non_regional=False)
    }
    if region in known:
        return
    from botocore import __version__

    near = get_close_matches(region.lower(), known, n=3, cutoff=0.7)
    raise UsageError(
        f"there is no region {region!r}",
        why=f"near are {', '.join(near)}" if near else f"botocore {__version__} knows none of that name",
        hint=f"--region {near[0] if near else _USUAL} (one that has just opened: pip install -U botocore)",
    )


def named_region(region: str) -> None:
    """Check a region before there is a session, as `check_region` does."""
    from botocore.session import Session

    check_region(Session(), region)
