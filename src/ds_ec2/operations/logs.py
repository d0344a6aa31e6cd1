"""`logs`: how a machine was set up, in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.aws.account import Account


def logs(account: Account, name: str = "", stage: str = "") -> Iterator[str]:
    """Yield the lines of one bootstrap stage's log; without a stage, of the newest one.

    Raises:
        DsEc2Error: The machine does not run, or knows no such stage.
    """
    raise NotImplementedError
