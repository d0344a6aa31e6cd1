"""`up`: from a request to a plan that can be read, and from the plan to a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.plans import UpPlan
    from ds_ec2.model.requests import UpRequest
    from ds_ec2.model.steps import Step


def plan_up(account: Account, request: UpRequest) -> UpPlan:
    """Return what `up` would do. Only reads.

    Raises:
        UsageError: The request is wrong: an unknown type, an image of another architecture, a bad list.
        DsEc2Error: It cannot be done now: the name is taken, somebody else changes the stack, no quota.
    """
    raise NotImplementedError


def apply_up(account: Account, plan: UpPlan) -> Generator[Step, None, Machine]:
    """Make what the plan says and return the machine, with its bootstrap stages.

    Steps: `network`, `data`, `machine`, then `stage:<name>`, as they happen. It ends when JupyterLab answers
    (with `request.wait_ready`: when the package list is done). Closing the generator leaves stacks that the
    next `up` finishes.

    Raises:
        DsEc2Error: A stack failed (with AWS's reason; nothing half-made stays), or JupyterLab did not start.
    """
    raise NotImplementedError
