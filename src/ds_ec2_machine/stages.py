"""One stage of the bootstrap: a log of its own, a budget of time, and commands."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Callable, Dict, Optional, Sequence, Tuple

from ds_ec2_machine.platform import LOGS, Platform
from ds_ec2_machine.status import ERROR_CHARACTERS


class StageError(Exception):
    """A stage cannot go on; the message is for a person."""


class Stage:
    """What a stage's function works with.

    Args:
        platform: This machine.
        name: The stage's name, also its log's.
        budget_s: Seconds that it may take in all.
    """

    def __init__(self, platform: Platform, name: str, budget_s: float) -> None:
        self.platform = platform
        self.name = name
        self.budget_s = budget_s
        self._end = time.monotonic() + budget_s
        self.log = platform.file(f"{LOGS}/{name}.log")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.held: Tuple[int, ...] = ()
        """Locks that its commands hold too: one whose parent was killed goes on for a while."""

    def say(self, text: str) -> None:
        """Write a line to the log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    def left(self) -> float:
        """Return the seconds left of the budget.

        Raises:
            StageError: None are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise StageError(f"{self.name} took longer than {self.budget_s:.0f} s; see its log")
        return left

    def run(
        self, command: Sequence[str], env: Optional[Dict[str, str]] = None, *, as_user: bool = False
    ) -> str:
        """Run a command, its output in the log, and return the output.

        Raises:
            StageError: It failed, in its own last words; or the budget is spent.
        """
        self.say("$ " + " ".join(command))
        identity = self.platform.as_user() if as_user else {}
        if as_user:
            env = self.platform.environment(**(env or {}))
        with self.log.open("a+b") as log:
            start = log.tell()
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=env,
                    cwd="/",
                    pass_fds=self.held,
                    start_new_session=self.platform.systemd,  # elsewhere the machine is one process group
                    **identity,
                )
            except OSError as error:
                raise StageError(f"{command[0]}: {error}") from error
            status = self._waited(process)
            log.seek(start)
            output = log.read().decode(errors="replace")
        self.left()
        if status != 0:
            words = output.strip()[-ERROR_CHARACTERS:]
            raise StageError(words or f"{command[0]} ended with status {status} and said nothing")
        return output

    def _waited(self, process: subprocess.Popen[bytes]) -> int:
        """Return a command's exit status; where the budget ends before, end it with all that it started."""
        try:
            return process.wait(max(0.0, self._end - time.monotonic()))
        except subprocess.TimeoutExpired:
            if self.platform.systemd:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()
            return -1

    def wait(self, what: str, probe: Callable[[], object], pause_s: float = 5.0) -> None:
        """Call `probe` until it neither raises OSError nor returns something false.

        Raises:
            StageError: The budget is spent; with the last reason.
        """
        said = ""
        while True:
            reason = "not yet"
            try:
                if probe():
                    return
            except (OSError, KeyError) as error:
                reason = str(error) or repr(error)
            if reason != said:
                self.say(f"waiting for {what}: {reason}")
                said = reason
            try:
                time.sleep(min(pause_s, self.left()))
                self.left()
            except StageError as error:
                raise StageError(f"{what}: {reason} ({error})") from None
