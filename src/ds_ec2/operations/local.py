"""`local start|stop|status|logs`: the embedded AWS, a process of its own."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from ds_ec2.aws.account import Keys
from ds_ec2.config.paths import local_state_dir
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.plans import LocalStatus
from ds_ec2.model.steps import Step, StepState

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

LOCAL_REGION: Final = "us-east-1"
LOCAL_KEYS: Final = Keys("AKIALOCALANA00000000", "ana-local-secret-key-0000000000000000000")
"""Keys of `ana`, one of the embedded AWS's two people; they open nothing but that."""

_MODULES: Final = ("ds_ec2_local", "moto")
_ENDPOINT: Final = "endpoint.json"
_REQUESTS: Final = "requests.jsonl"
"""One line of JSON a request; of the newest server only."""
_OUTPUT: Final = "server.log"
"""What the process itself prints: read when it does not start."""
_LOCK: Final = "starting"
_START_S: Final = 60.0
_STOP_S: Final = 45.0
_LOCK_STALE_S: Final = _START_S + 10.0
_ANSWER_S: Final = 5.0
_POLL_S: Final = 0.1
_LAST_LINES: Final = 12
_LEAST_FREE: Final = 16 << 20
"""Bytes without which no server is started: its records are in memory, its log and its machines are not."""

_children: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""Servers that this process started, so that they can be waited for."""


def local_start(folder: Path | None = None) -> Generator[Step, None, LocalStatus]:
    """Start the embedded AWS and wait until it answers; one that runs already is left alone.

    Args:
        folder: Its state; None for that of `--local`.

    Raises:
        DsEc2Error: The extra `local` is not installed, or it ended at once (with the last lines of its log).
    """
    title = "embedded AWS"
    status = local_status(folder)
    if status.running:
        yield Step("local", title, StepState.DONE, f"it runs already: {status.endpoint_url}")
        return status
    _check_installed()
    begun = time.monotonic()
    state = folder or local_state_dir()
    yield Step("local", title, StepState.RUNNING, "starting")
    with _only_one(state) as first:
        child = _spawn(state) if first and not local_status(folder).running else None
        while not (status := local_status(folder)).running:
            elapsed = time.monotonic() - begun
            if child is not None and child.poll() is not None:
                _children.pop(child.pid, None)
                raise _not_started(f"it ended with status {child.returncode}", state)
            if elapsed > _START_S:
                raise _not_started(f"it has not answered for {_START_S:.0f} s", state)
            yield Step("local", title, StepState.RUNNING, "starting", elapsed)
            time.sleep(_POLL_S)
    yield Step("local", title, StepState.DONE, status.endpoint_url, time.monotonic() - begun)
    return status


def local_stop(folder: Path | None = None) -> Generator[Step, None, LocalStatus]:
    """Stop it and all its machines; one that does not run is no error."""
    title = "stop the embedded AWS"
    status = local_status(folder)
    if not status.running:
        yield Step("local", title, StepState.DONE, "it does not run")
        return status
    begun = time.monotonic()
    os.kill(status.pid, signal.SIGTERM)
    while _alive(status.pid):
        elapsed = time.monotonic() - begun
        if elapsed > _STOP_S:
            raise DsEc2Error(
                "the embedded AWS does not stop",
                why=f"process {status.pid} is still there after {_STOP_S:.0f} s",
                hint=f"kill -9 {status.pid}",
            )
        yield Step("local", title, StepState.RUNNING, f"process {status.pid}", elapsed)
        time.sleep(_POLL_S)
    yield Step("local", title, StepState.DONE, "", time.monotonic() - begun)
    return local_status(folder)


def local_status(folder: Path | None = None) -> LocalStatus:
    """Return whether it runs and where; leftovers of one that was killed do not count as running."""
    state = folder or local_state_dir()
    endpoint = _read_endpoint(state)
    url = str(endpoint.get("endpoint_url", ""))
    running = bool(url) and _answers(url)
    return LocalStatus(
        running=running,
        endpoint_url=url if running else "",
        pid=int(endpoint.get("pid", 0)) if running else 0,
        isolation=str(endpoint.get("isolation", "")) if running else "",
        started_at=str(endpoint.get("started_at", "")) if running else "",
        state_dir=str(state),
        log=str(state / _REQUESTS),
    )


def local_logs(*, follow: bool = False) -> Iterator[str]:
    """Yield the lines of its log, one a request; with `follow`, new ones as they come."""
    path = local_state_dir() / _REQUESTS
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise DsEc2Error(
            "the embedded AWS has no log yet", why=f"{path} does not exist", hint="ds-ec2 local start"
        ) from None
    with file:
        while True:
            if line := file.readline():
                yield line.rstrip("\n")
            elif follow:
                time.sleep(_POLL_S)
            else:
                return


def _check_installed() -> None:
    if sys.platform == "win32":
        raise DsEc2Error(
            "the embedded AWS does not run on Windows",
            why="its machines are processes of a POSIX system",
            hint="run ds-ec2 --local in WSL",
        )
    missing = [name for name in _MODULES if find_spec(name) is None]
    if missing:
        raise DsEc2Error(
            "the embedded AWS is not installed",
            why=f"missing: {', '.join(missing)}",
            hint="pip install 'ds-ec2[local]'",
        )


def _spawn(state: Path) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own: a Ctrl-C for us is none for it."""
    (state / _ENDPOINT).unlink(missing_ok=True)
    with (state / _OUTPUT).open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "ds_ec2_local", "serve", "--state", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children[child.pid] = child
    return child


@contextmanager
def _only_one(state: Path) -> Iterator[bool]:
    """Give True to the one process that may start the server; others only wait for it.

    Raises:
        DsEc2Error: The folder cannot be written: no space, no right.
    """
    lock = state / _LOCK
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_room(state)
        if lock.exists() and time.time() - lock.stat().st_mtime > _LOCK_STALE_S:
            lock.unlink(missing_ok=True)
        try:
            lock.touch(exist_ok=False)
            first = True
        except FileExistsError:
            first = False
    except OSError as error:
        raise no_place(state, error) from error
    try:
        yield first
    except OSError as error:
        raise no_place(state, error) from error
    finally:
        if first:
            lock.unlink(missing_ok=True)


def _check_room(state: Path) -> None:
    """Raise what a full disk would raise a little later."""
    if shutil.disk_usage(state).free < _LEAST_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_place(state: Path, error: OSError) -> DsEc2Error:
    """Return the error for a folder that cannot be written."""
    free = "free some space, or: " if error.errno == errno.ENOSPC else ""
    return DsEc2Error(
        "the embedded AWS has no place for its state",
        why=f"{state}: {error.strerror or error}",
        hint=f"{free}export DS_EC2_STATE=/another/folder",
    )


def _not_started(why: str, state: Path) -> DsEc2Error:
    log = state / _OUTPUT
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return DsEc2Error(
        "the embedded AWS did not start",
        why="\n".join([why, *lines[-_LAST_LINES:]]),
        hint="ds-ec2 local logs",
    )


def _read_endpoint(state: Path) -> dict[str, Any]:
    try:
        document = json.loads((state / _ENDPOINT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _answers(url: str) -> bool:
    if not url.startswith("http://127.0.0.1:"):
        return False
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/_local/status", timeout=_ANSWER_S) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _alive(pid: int) -> bool:
    """Return whether a process is there. One that we started is reaped; POSIX alone has the embedded AWS."""
    if child := _children.get(pid):
        if child.poll() is None:
            return True
        del _children[pid]
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
