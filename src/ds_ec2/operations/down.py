"""`down`: remove a machine, decide about its data, and look whether anything is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.plans import DownPlan, DownResult
    from ds_ec2.model.requests import DownRequest
    from ds_ec2.model.steps import Step


def plan_down(account: Account, request: DownRequest) -> DownPlan:
    """Return what would be removed. Only reads. `plan.data` None is a question, where there is a volume."""
    raise NotImplementedError


def apply_down(account: Account, plan: DownPlan) -> Generator[Step, None, DownResult]:
    """Remove the stacks and look for what is left by tags.

    Raises:
        DsEc2Error: The data volume's fate is open, or a stack could not be removed.
    """
    raise NotImplementedError
