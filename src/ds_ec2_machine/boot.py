"""The bootstrap: named stages, each idempotent, each reported. It runs at every boot."""

from __future__ import annotations

import fcntl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Tuple

from ds_ec2_machine import (
    apply,
    control,
    disks,
    distributions,
    docker,
    document,
    environment,
    jupyter,
    status,
    supervisor,
)
from ds_ec2_machine.loader import write
from ds_ec2_machine.platform import KEEP, PACKAGES, SETTINGS, STATE, Platform
from ds_ec2_machine.stages import Stage, StageError

if TYPE_CHECKING:
    from ds_ec2_machine.uv import Uv

_AGENT_DONE = "/run/ds-ec2-agent-restarted"  # gone at the next boot


class Boot:
    """One run of the bootstrap."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._report = status.Report(platform)
        self._uv: List[Uv] = []
        self._failed: List[str] = []
        self._online = False

    def run(self) -> bool:
        """Run the stages; return whether all went well. What JupyterLab needs ends the run when it fails."""
        early: Tuple[Tuple[Callable[[Stage], None], float], ...] = (
            (self.booted, 300),
            (self.disks, 600),
            (self.network, 900),
        )
        late: Tuple[Tuple[Callable[[Stage], None], float], ...] = (
            (self.jupyter, 600),
            (self.environment, 3600),
            (self.docker, 900),
            (self.ready, 60),
        )
        for function, budget_s in early:
            reason = self._stage(function, budget_s)
            if reason and not (function == self.network and self._has_environment()):
                self._tell("FAILURE", f"{self._failed[-1]}: {reason}")
                return False
        for function, budget_s in late:
            if function != self.docker or docker.wanted(self._platform):
                self._stage(function, budget_s)
        return not self._failed

    def _stage(self, function: Callable[[Stage], None], budget_s: float) -> str:
        """Run one stage and report it; return why it failed, empty when it did not."""
        name = function.__name__
        self._report.begin(name)
        self._push()
        began = time.monotonic()
        stage = Stage(self._platform, name, budget_s)
        reason = ""
        try:
            function(stage)
        except (StageError, OSError, KeyError, ValueError, IndexError) as error:
            reason = (str(error) if isinstance(error, StageError) else repr(error)) or repr(error)
            stage.say(f"failed: {reason}")
            self._failed.append(name)
        self._report.end(time.monotonic() - began, reason)
        self._push()
        print(f"ds-ec2: {name} {'failed: ' + reason if reason else 'done'}", flush=True)  # noqa: T201 - console
        return reason

    def booted(self, stage: Stage) -> None:
        """Read the settings, start what answers and what watches, and come back at the next boot."""
        platform = self._platform
        platform.file(STATE).chmod(0o755)
        supervisor.install_at_boot(platform)
        if not platform.file(KEEP).exists():
            write(platform.path(KEEP), b"0\n")
            platform.give(platform.file(KEEP))
        try:
            self._read_settings()
        except (OSError, KeyError) as error:
            stage.say(f"no settings from the stack: {error}")
            if not platform.settings():
                stage.wait("the settings", self._read_settings)
        if docker.wanted(platform):
            docker.admit(stage)
        supervisor.ensure(platform, *(supervisor.own_service(platform, verb) for verb in ("control", "idle")))

    def disks(self, stage: Stage) -> None:
        """Mount the data volume; what ran on it at the last boot needs nothing from outside."""
        disks.mount(stage)
        if environment.in_force(self._platform):
            supervisor.resume(self._platform, "jupyter")

    def network(self, stage: Stage) -> None:
        """Wait for the way out, then say that this machine can be reached."""
        stage.wait("the way out", self._read_settings)
        self._online = True
        if self._platform.systemd:
            _restart_agent(stage)
        stage.wait("the control road", lambda: control.ask(self._platform, {"verb": "status"}), 0.1)
        stage.wait("the stack's signal", lambda: self._tell("SUCCESS", ""))

    def jupyter(self, stage: Stage) -> None:
        """Install JupyterLab and have it answer."""
        self._uv.append(environment.prepare(stage))
        jupyter.start(stage, self._uv[0])

    def environment(self, stage: Stage) -> None:
        """Install the user's packages."""
        if not self._uv:
            raise StageError("JupyterLab's stage failed before")
        with apply.alone(stage):
            apply.bring(stage, self._uv[0], document.wanted(self._platform))

    def docker(self, stage: Stage) -> None:
        """Install Docker, where the stack asks for it."""
        docker.install(stage)

    def ready(self, stage: Stage) -> None:
        """Say that the bootstrap is over; compile in the background."""
        if self._failed:
            raise StageError(f"failed before: {', '.join(self._failed)}")
        environment.compile_later(self._platform)
        stage.say("ready")

    def _has_environment(self) -> bool:
        return self._platform.token() is not None

    def _read_settings(self) -> bool:
        platform = self._platform
        settings, packages = platform.parameters(platform.leaf("settings"), platform.leaf("packages"))
        write(platform.path(SETTINGS), settings.encode())
        write(platform.path(PACKAGES), (packages + "\n").encode())
        self._online = True
        return True

    def _tell(self, word: str, reason: str) -> bool:
        self._platform.signal(word, reason[:1000])
        return True

    def _push(self) -> None:
        """Write the status parameter, once there is a way out; a miss is no failure."""
        if not self._online:
            return
        try:
            status.push(self._platform)
        except OSError as error:
            print(f"ds-ec2: status not written: {error}", flush=True)  # noqa: T201 - the console log


def _restart_agent(stage: Stage) -> None:
    """Wake the agent: one whose first ping failed sleeps for minutes. Once a boot: it ends sessions."""
    if Path(_AGENT_DONE).exists():
        return
    for name in distributions.agents():
        try:
            stage.run(["systemctl", "try-restart", f"{name}.service"])
        except StageError as error:
            stage.say(f"{name}: {error}")
    Path(_AGENT_DONE).touch()


def main(platform: Platform) -> None:
    """Run the bootstrap once at a time; exit with 1 when a stage failed."""
    path = platform.file(f"{STATE}/boot.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("ds-ec2: the bootstrap runs already")
        well = Boot(platform).run()
    sys.exit(0 if well else 1)
