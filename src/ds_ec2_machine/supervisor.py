"""Services that are started again when they end: systemd units, or child processes without systemd."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import compress
from typing import IO, TYPE_CHECKING, Any, Dict, List, Optional

from ds_ec2_machine.loader import read, sha, write
from ds_ec2_machine.platform import APPLICATION, LOADER, LOGS, STATE, Platform

if TYPE_CHECKING:
    from pathlib import Path

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_HEALTHY_S = 10.0  # one that lived so long starts again at once


@dataclass(frozen=True)
class Service:
    """A program that always runs.

    Args:
        name: Its unit is `ds-ec2-<name>`.
        command: Argument list.
        environment: All of its environment.
        folder: Its working directory.
        as_user: As the data scientist, else as this account (root on EC2).
    """

    name: str
    command: List[str]
    environment: Dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    as_user: bool = False


def own_service(platform: Platform, verb: str) -> Service:
    """Return the service that runs one of this application's verbs; new code is a new service."""
    application = platform.file(APPLICATION)
    environment = {**platform.kept(), "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")}
    environment["DS_EC2_CODE"] = sha(application.read_bytes())[:12]
    return Service(verb, [sys.executable, str(application), verb], environment)


def ensure(platform: Platform, *services: Service) -> bool:
    """Have services running as they are described; leave alone what does already.

    Returns whether a description changed: such a service started anew.
    """
    if not platform.systemd:
        anew = [_ensure_child(platform, service) for service in services]
        return any(anew)
    every = [f"ds-ec2-{service.name}.service" for service in services]
    anew = [_write_service(platform, service) for service in services]
    changed = list(compress(every, anew))
    if changed:
        _systemctl("daemon-reload")  # systemd reads every unit anew: once for all of them
        _systemctl("restart", *changed)
    _systemctl("start", *every)
    return bool(changed)


def _ensure_child(platform: Platform, service: Service) -> bool:
    path = _spec_path(platform, service.name)
    text = json.dumps(asdict(service)).encode()
    changed = not path.exists() or path.read_bytes() != text
    if changed:
        write(str(path), text, 0o600)
    if _supervisor_pid(platform, service.name) is None:
        _supervise_apart(platform, service.name)
    elif changed:
        restart(platform, service.name)
    return changed


def _supervise_apart(platform: Platform, name: str) -> None:
    command = [sys.executable, platform.path(APPLICATION), "supervise", name]
    with _log(platform, name) as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")


def resume(platform: Platform, name: str) -> None:
    """Start a service as it was described at an earlier boot, if it was."""
    if platform.systemd:
        if _unit_path(platform, f"ds-ec2-{name}.service").exists():
            _systemctl("start", f"ds-ec2-{name}.service")
    elif _spec_path(platform, name).exists() and _supervisor_pid(platform, name) is None:
        _supervise_apart(platform, name)


def restart(platform: Platform, name: str) -> None:
    """End a service's process; it starts again."""
    if platform.systemd:
        _systemctl("restart", f"ds-ec2-{name}.service")
        return
    pid = _supervisor_pid(platform, name)
    if pid:
        os.kill(pid, signal.SIGHUP)


def last_words(platform: Platform, name: str) -> str:
    """Return the end of a service's own log."""
    path = _log_path(platform, name)
    return path.read_text(errors="replace").strip()[-800:] if path.exists() else ""


def install_at_boot(platform: Platform) -> None:
    """Have the loader run at every boot."""
    command = [sys.executable, platform.path(LOADER)]
    if platform.systemd:
        if _write_unit(platform, "ds-ec2-boot.service", boot_unit(command)):
            _systemctl("enable", "--no-reload", "ds-ec2-boot.service")  # it is for the next boot
        return
    file = platform.file("/etc/rc.local")
    present = file.read_text() if file.exists() else "#!/bin/sh\n"
    if "DS_EC2_PLATFORM" in os.environ:
        command = ["env", f"DS_EC2_PLATFORM={os.environ['DS_EC2_PLATFORM']}", *command]
    line = shlex.join(command) + "\n"
    if line not in present:
        # Before an `exit 0`, with which Debian's own file ends.
        head, end, tail = present.rpartition("\nexit 0")
        text = f"{head}\n{line}exit 0{tail}" if end else present + line
        write(str(file), text.encode(), 0o755)


def boot_unit(command: List[str]) -> str:
    """Return the unit that runs a command at every boot; what it leaves running stays."""
    return (
        "[Unit]\nDescription=ds-ec2 at boot\nWants=network-online.target\nAfter=network-online.target\n"
        f"[Service]\nExecStart={' '.join(map(_quoted, command))}\nStandardOutput=journal+console\n"
        "KillMode=process\n[Install]\nWantedBy=multi-user.target\n"
    )


def supervise(platform: Platform, name: str) -> None:
    """Run a service's process, again and again, until SIGTERM; SIGHUP ends the process alone."""
    lock = _lock_path(platform, name).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    child: Optional[subprocess.Popen[bytes]] = None
    told = {signal.SIGTERM: False, signal.SIGHUP: False}

    def hear(number: int, _frame: Any) -> None:
        told[signal.Signals(number)] = True
        if child is not None and child.poll() is None:
            child.terminate()

    signal.signal(signal.SIGTERM, hear)
    signal.signal(signal.SIGHUP, hear)
    pause = _FIRST_PAUSE_S
    while not told[signal.SIGTERM]:
        told[signal.SIGHUP] = False
        began = time.monotonic()
        child = _start(platform, name)
        if any(told.values()):  # heard while it started
            child.terminate()
        child.wait()
        lived = time.monotonic() - began
        pause = _FIRST_PAUSE_S if lived > _HEALTHY_S else min(pause * 2, _LONGEST_PAUSE_S)
        until = time.monotonic() + pause
        while time.monotonic() < until and not any(told.values()):
            time.sleep(0.1)
    lock.close()


def _start(platform: Platform, name: str) -> subprocess.Popen[bytes]:
    spec = Service(**read(str(_spec_path(platform, name))))
    with _log(platform, name) as log:
        return subprocess.Popen(
            spec.command,
            env=spec.environment,
            cwd=spec.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **(platform.as_user() if spec.as_user else {}),
        )


def _spec_path(platform: Platform, name: str) -> Path:
    return platform.file(f"{STATE}/services/{name}.json")


def _lock_path(platform: Platform, name: str) -> Path:
    return platform.file(f"{STATE}/services/{name}.lock")


def _log_path(platform: Platform, name: str) -> Path:
    return platform.file(f"{LOGS}/service-{name}.log")


def _log(platform: Platform, name: str) -> IO[bytes]:
    return _log_path(platform, name).open("ab")


def _supervisor_pid(platform: Platform, name: str) -> Optional[int]:
    """Return the process that supervises a service, None where none does."""
    path = _lock_path(platform, name)
    if not path.exists():
        return None
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read() or 0) or None
    return None


def _quoted(text: str) -> str:
    """Return a word as systemd reads it."""
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(special, escaped)
    return f'"{text}"'


def _unit(platform: Platform, service: Service) -> str:
    command = " ".join(_quoted(word.replace("$", "$$")) for word in service.command)
    lines = [f"[Unit]\nDescription=ds-ec2 {service.name}\nStartLimitIntervalSec=0\n[Service]"]
    lines += [f"ExecStart={command}", f"WorkingDirectory={service.folder}", "Restart=always", "RestartSec=1"]
    lines.append(f"EnvironmentFile={_variables_path(platform, service.name)}")
    log = _log_path(platform, service.name)
    lines += [f"StandardOutput=append:{log}", f"StandardError=append:{log}"]
    if service.as_user:
        lines.append(f"User={platform.account.name}")
    return "\n".join(lines) + "\n"


def _variables(service: Service) -> str:
    """Return a service's environment as systemd reads it from a file: quoted, nothing in it is replaced.

    Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
    """
    escapes = str.maketrans({one: f"\\{one}" for one in '\\"`$'})
    return "".join(f'{key}="{value.translate(escapes)}"\n' for key, value in service.environment.items())


def _write_service(platform: Platform, service: Service) -> bool:
    """Write a service's unit, and its environment apart, for that may hold passwords; return what changed."""
    path = _variables_path(platform, service.name)
    text = _variables(service)
    changed = not path.exists() or path.read_text() != text
    if changed:
        write(str(path), text.encode(), 0o600)
    return _write_unit(platform, f"ds-ec2-{service.name}.service", _unit(platform, service)) or changed


def _write_unit(platform: Platform, unit: str, text: str) -> bool:
    """Write a unit; return whether it changed."""
    path = _unit_path(platform, unit)
    if path.exists() and path.read_text() == text:
        return False
    write(str(path), text.encode())
    return True


def _unit_path(platform: Platform, unit: str) -> Path:
    return platform.file(f"/etc/systemd/system/{unit}")


def _variables_path(platform: Platform, name: str) -> Path:
    return platform.file(f"{STATE}/services/{name}.env")


def _systemctl(*arguments: str) -> None:
    subprocess.run(["systemctl", *arguments], check=True, timeout=90, stdout=subprocess.DEVNULL)
