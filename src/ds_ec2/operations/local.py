"""`local start|stop|status|logs`: the embedded AWS, a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ds_ec2.model.plans import LocalStatus
    from ds_ec2.model.steps import Step


def local_start() -> Generator[Step, None, LocalStatus]:
    """Start the embedded AWS and wait until it answers; one that runs already is left alone.

    Raises:
        DsEc2Error: The extra `local` is not installed, or it ended at once (with the last lines of its log).
    """
    raise NotImplementedError


def local_stop() -> Generator[Step, None, LocalStatus]:
    """Stop it and all its machines; one that does not run is no error."""
    raise NotImplementedError


def local_status() -> LocalStatus:
    """Return whether it runs and where; leftovers of one that was killed do not count as running."""
    raise NotImplementedError


def local_logs(*, follow: bool = False) -> Iterator[str]:
    """Yield the lines of its log; with `follow`, new ones as they come."""
    raise NotImplementedError
