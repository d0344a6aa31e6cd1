"""What every folder of tests shares: which cloud, a home of its own, and the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
HERE = Path(__file__).parent
LONGEST_FIRST = ("machine/real", "browser", "docs", "local/operations", "local/interruptions")
"""Folders whose tests take minutes: behind them the short ones fill what time is left on either core."""

SHARED = ("machine/real", "local/operations")
"""Folders whose files share one machine, or one account: one process runs them, in order."""


def pytest_configure() -> None:
    # Whoever runs the tests in the background may have these ignored, and so would all that they start:
    # Ctrl-C, and the hang-up by which ssh ends its ProxyCommand.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have one process of `pytest -n` run whole files: their tests share what the first of them made."""
    from xdist.scheduler import LoadScopeScheduling

    class WholeFiles(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = file.rpartition("/")[0]
            return folder if folder.removeprefix("tests/") in SHARED else file

    return WholeFiles(config, log)


def _place(item: pytest.Item) -> int:
    folder = str(item.path.parent.relative_to(HERE))
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target",
        choices=["local", "aws"],
        default="local",
        help="where the scenarios run: the embedded AWS, or the account of the environment (it bills)",
    )
    parser.addoption(
        "--soak", type=int, default=0, metavar="N", help="rounds of the tests that run long and at random"
    )


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> int:
    """Rounds of a soak test; 0 skips it."""
    rounds: int = request.config.getoption("--soak")
    return rounds


@dataclass(frozen=True)
class CommandLine:
    """`ds-ec2` as a user runs it, in a process of its own."""

    environment: dict[str, str]
    flags: tuple[str, ...]

    def arguments(self, *words: str) -> list[str]:
        return [str(BIN / "ds-ec2"), *self.flags, *words]

    def __call__(
        self, *words: str, ok: bool = True, timeout_s: float = 240, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `ok` demands exit status 0."""
        run = subprocess.run(
            self.arguments(*words),
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if ok:
            assert run.returncode == 0, f"ds-ec2 {' '.join(words)}\n{run.stdout}\n{run.stderr}"
        return run

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command that stays, with its output as text."""
        return subprocess.Popen(
            self.arguments(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )


def private_environment(home: Path) -> dict[str, str]:
    """The environment of a user who has nothing: a home of its own and no AWS settings."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DS_EC2_", "XDG_"))
    }
    return kept | {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def ds_ec2(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line against `--target`; an embedded AWS that it started is stopped at the end."""
    if request.config.getoption("--target") == "aws":
        yield CommandLine(dict(os.environ), ())
        return
    command = CommandLine(private_environment(tmp_path_factory.mktemp("home")), ("--local",))
    yield command
    command("local", "stop")
