"""`lab`: JupyterLab of a machine on a port of this computer."""

from __future__ import annotations

import hashlib
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from ds_ec2.aws.ec2 import ENDED
from ds_ec2.aws.errors import NoSuchThingError, NotRunningError
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.machine import Machine, MachineStatus
from ds_ec2.model.names import JUPYTER_PORT
from ds_ec2.model.plans import LabPlan
from ds_ec2.model.steps import Step, StepState
from ds_ec2.operations.control import ControlError, ask
from ds_ec2.operations.machines import find, reachable
from ds_ec2.operations.power import start_machine

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from ds_ec2.aws.account import Account
    from ds_ec2.tunnel import PortForward

_PATIENCE_S: Final = 120.0
"""For a machine that has just started: its agent, its control program, its JupyterLab."""
_ANSWER_S: Final = 10.0
_USUAL_PORTS: Final = range(20_000, 30_000)
"""Below the ports that systems give out by themselves.

Source: https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range: 32768 to 60999)
"""


@dataclass(frozen=True, slots=True)
class _Door:
    """How JupyterLab is entered, as the machine tells it."""

    token: str = field(repr=False)
    port: int
    root: str


class _OtherEnd:
    """Tells an open tunnel whether its machine can still come back by itself."""

    def __init__(self, account: Account, machine: Machine) -> None:
        self._account = account
        self._machine = machine
        self.hint = f"ds-ec2 lab {machine.name}{account.flags}"
        """What to do once it is gone."""

    def gone(self) -> str:
        """Return why it cannot, or empty: it runs, or nobody can tell."""
        name, flags = self._machine.name, self._account.flags
        try:
            instance = self._account.ec2.instance(self._machine.instance_id)
        except NotRunningError as error:
            self.hint = error.hint
            return f"{error.what}, and all its machines with it"
        except NoSuchThingError as error:
            self.hint = f"ds-ec2 up {name}{flags}"
            return error.why
        except DsEc2Error:
            return ""  # no network here: the tunnel waits for it
        if instance.state in {"pending", "running"}:
            return ""
        if instance.state in ENDED:
            self.hint = f"ds-ec2 up {name}{flags}"
        return f"{name} is {instance.state}{f': {instance.reason}' if instance.reason else ''}"


class LabSession:
    """An open way to JupyterLab; a context manager that closes it.

    `url` may be printed and logged. `url_with_token` is for a browser alone: whoever has it can run code.
    """

    def __init__(self, machine: Machine, forward: PortForward, door: _Door, other_end: _OtherEnd) -> None:
        self.machine = machine
        self._other_end = other_end
        self.local_port: int = forward.local_port
        self.url = f"http://127.0.0.1:{self.local_port}{door.root}lab"
        self.url_with_token = f"{self.url}?token={quote(door.token)}"
        self._forward = forward

    def wait(self) -> None:
        """Return when the tunnel broke for good; see `failed`."""
        self._forward.wait()

    @property
    def failed(self) -> str:
        """Why the tunnel broke for good, or empty."""
        return str(self._forward.failed or "")

    def broken(self) -> DsEc2Error:
        """Return the error of a tunnel that broke for good, with the command that helps."""
        return DsEc2Error(
            f"the tunnel to {self.machine.name} has ended: its other end is gone",
            why=self.failed,
            hint=self._other_end.hint,
        )

    def close(self) -> None:
        """Close the tunnel; the machine runs on."""
        self._forward.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def plan_lab(account: Account, name: str = "", local_port: int = 0) -> LabPlan:
    """Return what `lab` would do: whether the machine must be started first is a question.

    Without a wish, a machine has the same port each time where that is free: a browser keeps what it
    has loaded for one host and port.

    Raises:
        UsageError: The wanted port is in use.
        DsEc2Error: The machine is being made or removed, or is gone.
    """
    if local_port:
        _check_free(local_port, f"ds-ec2 lab {name}".rstrip() + account.flags)
    machine = find(account, name)
    needs_start = machine.status in {MachineStatus.STOPPED, MachineStatus.STOPPING}
    if not needs_start:
        reachable(account, machine)
    return LabPlan(machine, needs_start, local_port or _usual_port(machine))


def open_lab(account: Account, plan: LabPlan) -> Generator[Step, None, LabSession]:
    """Start the machine where the plan says so, open the tunnel, and check that JupyterLab answers.

    Closing the generator before its end closes the tunnel.
    """
    from ds_ec2.tunnel import PortForward

    machine = plan.machine
    if machine.status is not MachineStatus.RUNNING:
        machine = yield from start_machine(account, machine)
    begun = time.monotonic()
    yield Step("tunnel", "tunnel", StepState.RUNNING)
    door = yield from _door(account, machine, begun)
    other_end = _OtherEnd(account, machine)
    forward = PortForward(
        account.sessions, machine.instance_id, door.port, plan.local_port, gone=other_end.gone
    )
    forward.__enter__()
    try:
        lab = LabSession(machine, forward, door, other_end)
        yield Step("tunnel", "tunnel", StepState.DONE, "", time.monotonic() - begun)
        yield from _answers(account, lab, door)
    except BaseException:
        forward.__exit__(None, None, None)
        raise
    return lab


def _door(account: Account, machine: Machine, begun: float) -> Generator[Step, None, _Door]:
    """Ask for JupyterLab's token until the machine knows it."""
    while True:
        try:
            answer = ask(account, machine, "token")
            return _Door(answer["token"], int(answer.get("port", JUPYTER_PORT)), answer.get("root", "/"))
        except ControlError as error:
            if time.monotonic() - begun > _PATIENCE_S:
                raise
            yield Step("tunnel", "tunnel", StepState.RUNNING, error.why)
            time.sleep(max(account.poll_s, 0.5))


def _answers(account: Account, lab: LabSession, door: _Door) -> Generator[Step, None, None]:
    """Yield until JupyterLab answers its own status with the token."""
    begun = time.monotonic()
    url = f"http://127.0.0.1:{lab.local_port}{door.root}api/status"
    # The token stands in a header: an address would end in somebody's log.
    request = Request(url, headers={"Authorization": f"token {door.token}"})
    opener = build_opener(ProxyHandler({}))
    while True:
        try:
            with opener.open(request, timeout=_ANSWER_S) as answer:
                answer.read()
        except HTTPError as error:
            error.close()
            reason = f"HTTP {error.code}"
        except (URLError, OSError) as error:
            reason = str(error)
        else:
            yield Step("jupyter", "JupyterLab answers", StepState.DONE, "", time.monotonic() - begun)
            return
        if lab.failed or time.monotonic() - begun > _PATIENCE_S:
            raise DsEc2Error(
                f"JupyterLab of {lab.machine.name} does not answer",
                why=lab.failed or reason,
                hint=f"ds-ec2 logs {lab.machine.name}{account.flags} --stage jupyter",
            )
        yield Step("jupyter", "JupyterLab answers", StepState.RUNNING, reason, time.monotonic() - begun)
        time.sleep(max(account.poll_s, 0.5))


def _usual_port(machine: Machine) -> int:
    """Return the machine's own port of this computer, 0 where it is in use."""
    digest = hashlib.sha256(f"{machine.region}/{machine.stack}".encode()).digest()
    port = _USUAL_PORTS[int.from_bytes(digest[:4], "big") % len(_USUAL_PORTS)]
    return 0 if _in_use(port) else port


def _check_free(port: int, command: str) -> None:
    if reason := _in_use(port):
        raise UsageError(
            f"port {port} of this computer is in use",
            why=reason,
            hint=f"{command} (without --port: one that is free)",
        )


def _in_use(port: int) -> str:
    """Return why the tunnel cannot have a port, empty where it can."""
    with socket.socket() as probe:
        # As the tunnel will: without it, a port whose last connection has just ended would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
