"""From a target to an account: the embedded AWS is started here when it does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ec2.aws.account import Account
    from ds_ec2.model.target import Target


def connect(target: Target) -> Account:
    """Return the account that `target` names; no call is made to AWS yet.

    For `--local` the embedded AWS is started when it does not answer (a few seconds).

    Raises:
        DsEc2Error: No region is known, the profile does not exist, or the embedded AWS is not installed.
    """
    if target.local:
        return _local(target)
    from ds_ec2.aws.account import open_account
    from ds_ec2.config.settings import load_settings

    settings = load_settings()
    return open_account(
        target.region or settings.region, target.profile or settings.profile, flags=target.flags
    )


def _local(target: Target) -> Account:
    if target.region:
        from ds_ec2.aws.regions import named_region

        named_region(target.region)  # before a server is started for it
    return local_account(target)


def local_account(target: Target, folder: Path | None = None) -> Account:
    """Start the embedded AWS of a folder where it does not answer, and return its account.

    Args:
        target: Region and flags.
        folder: Its state; None for that of `--local`.
    """
    from ds_ec2.aws.account import open_account
    from ds_ec2.operations.local import LOCAL_KEYS, LOCAL_REGION, local_start

    starting = local_start(folder)
    while True:
        try:
            next(starting)
        except StopIteration as end:
            url: str = end.value.endpoint_url
            break
    return open_account(target.region or LOCAL_REGION, endpoint=url, keys=LOCAL_KEYS, flags=target.flags)
