"""`lab`: JupyterLab of a machine on a port of this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.plans import LabPlan
    from ds_ec2.model.steps import Step


class LabSession:
    """An open way to JupyterLab; a context manager that closes it.

    `url` may be printed and logged. `url_with_token` is for a browser alone: whoever has it can run code.
    """

    machine: Machine
    url: str
    url_with_token: str
    local_port: int

    def wait(self) -> None:
        """Return when the tunnel broke for good; see `failed`."""
        raise NotImplementedError

    @property
    def failed(self) -> str:
        """Why the tunnel broke for good, or empty."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the tunnel; the machine runs on."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raise NotImplementedError


def plan_lab(account: Account, name: str = "", local_port: int = 0) -> LabPlan:
    """Return what `lab` would do: whether the machine must be started first is a question.

    Raises:
        UsageError: The port is in use.
        DsEc2Error: The machine is being made or removed, or is gone.
    """
    raise NotImplementedError


def open_lab(account: Account, plan: LabPlan) -> Generator[Step, None, LabSession]:
    """Start the machine where the plan says so, open the tunnel, and check that JupyterLab answers.

    Closing the generator before its end closes the tunnel.
    """
    raise NotImplementedError
