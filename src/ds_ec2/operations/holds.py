"""Capacity that is held while a machine's stacks are made: until its instance runs."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from ds_ec2.aws.errors import DeniedError
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.attempts import ATTEMPT_S
from ds_ec2.model.names import HOLD
from ds_ec2.operations.stacks import stack_tags

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account
    from ds_ec2.aws.capacity import Held
    from ds_ec2.model.attempts import Attempt


class Hold:
    """One hold, as a context manager: however the block ends, it is released.

    Args:
        account: Where.
        owner: The machine's owner.
        name: The machine's name.
    """

    def __init__(self, account: Account, owner: str, name: str) -> None:
        self._account = account
        self._owner, self._name = owner, name
        self.id = ""
        """`cr-...` while it is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What cannot be released now, the account's function cancels within minutes.
        with suppress(DsEc2Error):
            self.release()

    def take(self, attempt: Attempt) -> None:
        """Hold the attempt's capacity.

        Raises:
            DsEc2Error: There is none, or it may not be held: in EC2's words.
        """
        until = datetime.now(UTC) + timedelta(seconds=ATTEMPT_S)
        tags = stack_tags(HOLD, self._owner, self._name)
        try:
            self.id = self._account.capacity.hold(attempt.type.name, attempt.zone, until, tags)
        except DsEc2Error:
            raise
        except BaseException:  # Ctrl-C: whether there is one now, only EC2 knows
            release_holds(self._account, self._owner, self._name)
            raise

    def release(self) -> None:
        """Let go of it, once."""
        if self.id:
            self._account.capacity.release(self.id)
            self.id = ""


def release_holds(account: Account, owner: str, name: str) -> tuple[str, ...]:
    """Release what an earlier command of this machine's name left held, and return the ids."""
    found = left_held(account, owner, name)
    for one in found:
        account.capacity.release(one.id)
    return tuple(one.id for one in found)


def left_held(account: Account, owner: str, name: str) -> tuple[Held, ...]:
    """Return what is held under a machine's name."""
    try:
        return account.capacity.held(stack_tags(HOLD, owner, name))
    except DeniedError:  # who may not look has made none
        return ()
