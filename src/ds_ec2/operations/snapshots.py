"""A data volume that begins with what an earlier machine left."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ds_ec2.aws.ec2 import by_tags
from ds_ec2.aws.errors import NoSuchThingError
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.names import TAG_KEPT, TAG_NAME, TAG_OWNER
from ds_ec2.model.plans import StackAction
from ds_ec2.operations.machines import owner_of

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.aws.ec2 import Volume
    from ds_ec2.model.plans import StackPlan
    from ds_ec2.model.requests import UpRequest

KEPT: Final = "kept"
"""Stands for the newest snapshot that `down` kept of the machine's name."""
_PRICES: Final = "https://aws.amazon.com/ebs/pricing/"


def begin_with_snapshot(account: Account, request: UpRequest) -> UpRequest:
    """Return the request with a data volume as large as its snapshot, which is looked up where one is named.

    Raises:
        UsageError: There is no such snapshot, or a rate without one.
        DsEc2Error: It is not complete.
    """
    if request.snapshot is None:
        if request.initialization_rate is not None:
            raise UsageError(
                "a blank volume is not initialized",
                why="--initialization-rate is for one that begins with a snapshot",
                hint=f"ds-ec2 up {request.name} --snapshot snap-...{account.flags}",
            )
        return request
    found = _newest(account, request) if request.snapshot == KEPT else _look_up(account, request.snapshot)
    if found.state != "completed":
        raise DsEc2Error(
            f"the snapshot {found.id} cannot be used",
            why=f"its state is {found.state}",
            hint=f"aws ec2 wait snapshot-completed --snapshot-ids {found.id}",
        )
    return replace(request, snapshot=found.id, data_gib=max(request.data_gib, found.gib))


def snapshot_notes(request: UpRequest, data: StackPlan) -> list[str]:
    """Return what is worth knowing of a volume that is to begin with a snapshot."""
    if request.snapshot is None or data.action is StackAction.KEEP:
        return []
    if request.initialization_rate is None:
        return [f"{request.snapshot}: first reads are slow; --initialization-rate 300 is quick, for a price"]
    return [f"the initialization of {request.snapshot} bills once, by its full size: {_PRICES}"]


def _newest(account: Account, request: UpRequest) -> Volume:
    """Return the newest snapshot that `down` kept of the machine's name and owner."""
    tags = {TAG_NAME: request.name, TAG_OWNER: owner_of(account, request.owner)}
    found = account.ec2.snapshots(by_tags(tags) | {"tag-key": [TAG_KEPT]})
    if found:
        return max(found, key=lambda one: one.made_at or datetime.min.replace(tzinfo=UTC))
    raise UsageError(
        f"no snapshot of {request.name} was kept",
        why=f"ds-ec2 down {request.name} --data keep-snapshot makes one",
        hint=f"ds-ec2 up {request.name}{account.flags} (it begins with an empty volume)",
    )


def _look_up(account: Account, snapshot: str) -> Volume:
    kept = f"--filters Name=tag-key,Values={TAG_KEPT}"
    hint = f"aws ec2 describe-snapshots --owner-ids self {kept} --region {account.region}"
    if not re.fullmatch("snap-[0-9a-f]{8,17}", snapshot):
        raise UsageError(
            f"{snapshot!r} is no snapshot id", why="one is like snap-0123456789abcdef0", hint=hint
        )
    try:
        return account.ec2.snapshots({"snapshot-id": [snapshot]})[0]
    except (NoSuchThingError, IndexError):
        raise UsageError(
            f"there is no snapshot {snapshot}",
            why=f"the account has none of that id in {account.region}",
            hint=hint,
        ) from None
