"""From a target to an account: the embedded AWS is started here when it does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.model.target import Target


def connect(target: Target) -> Account:
    """Return the account that `target` names; no call is made to AWS yet.

    For `--local` the embedded AWS is started when it does not answer (a few seconds).

    Raises:
        DsEc2Error: No region is known, the profile does not exist, or the embedded AWS is not installed.
    """
    raise NotImplementedError
