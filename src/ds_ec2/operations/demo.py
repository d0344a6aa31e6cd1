"""The demo's own embedded AWS: a folder of its own, empty at the start, gone at the end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from ds_ec2.config.paths import demo_state_dir
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.target import Target
from ds_ec2.operations.connect import local_account
from ds_ec2.operations.local import local_stop, no_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ds_ec2.aws.account import Account


@contextmanager
def demo_account() -> Iterator[Account]:
    """Give the account of an embedded AWS that lives as long as the context.

    Raises:
        DsEc2Error: Another demo runs, or the embedded AWS does not start.
    """
    folder = demo_state_dir()
    with _only_one(folder):
        _stop(folder)  # a demo that was killed leaves its server
        try:
            yield local_account(Target(local=True), folder)
        finally:
            _stop(folder)


def _stop(folder: Path) -> None:
    for _ in local_stop(folder):
        pass


@contextmanager
def _only_one(folder: Path) -> Iterator[IO[str]]:
    """Hold the folder's lock; the kernel lets go of it when the process ends, however it ends."""
    import fcntl

    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (folder / "demo.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise no_place(folder, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DsEc2Error(
                "another demo runs on this computer",
                why=f"it holds {folder}",
                hint="end it with Ctrl-C, or make a machine beside it: ds-ec2 --local up",
            ) from None
        yield file
