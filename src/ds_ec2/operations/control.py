"""The control road: one question to the machine's own program, through a port session that nobody logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.names import CONTROL_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.machine import Machine

_TIMEOUT_S: Final = 60.0


class ControlError(DsEc2Error):
    """The machine answered that it cannot do it. Caught where it may be able to a moment later."""


class BrokenOffError(ControlError):
    """The machine's answer ended without a last word: its control program was restarted, or is not up yet."""


def ask(
    account: Account, machine: Machine, verb: str, *, timeout_s: float = _TIMEOUT_S, **arguments: Any
) -> dict[str, Any]:
    """Ask the machine and return its result; lines it streams before are left out.

    Args:
        account: Where.
        machine: Which.
        verb: What, as in the seams' table.
        timeout_s: The longest silence.
        arguments: The verb's.
    """
    result: dict[str, Any] = {}
    for answer in answers(account, machine, verb, arguments, timeout_s):
        if "ok" in answer:
            result = answer.get("result") or {}
    return result


def stream(account: Account, machine: Machine, verb: str, **arguments: Any) -> Iterator[str]:
    """Ask the machine and yield the lines it streams."""
    for answer in answers(account, machine, verb, arguments):
        if "line" in answer:
            yield str(answer["line"])


def answers(
    account: Account,
    machine: Machine,
    verb: str,
    arguments: dict[str, Any],
    timeout_s: float = _TIMEOUT_S,
) -> Iterator[dict[str, Any]]:
    """Yield the machine's answers, lines and last word alike.

    Raises:
        ControlError: It answered with an error, or ended without an answer.
    """
    from ds_ec2.tunnel import ask as ask_port

    request = json.dumps({"verb": verb, **arguments}).encode() + b"\n"
    ended = False
    for line in ask_port(account.sessions, machine.instance_id, CONTROL_PORT, request, timeout_s):
        answer = _read(line, machine)
        if answer.get("ok") is False:
            raise ControlError(
                f"{machine.name} cannot answer {verb!r}",
                why=str(answer.get("error", "")),
                hint=str(answer.get("hint", "")),
            )
        ended = ended or "ok" in answer
        yield answer
    if not ended:
        raise BrokenOffError(
            f"{machine.name} broke off its answer to {verb!r}",
            why="its control program may not be up yet",
            hint=f"ds-ec2 logs {machine.name}{account.flags}",
        )


def _read(line: bytes, machine: Machine) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ControlError(f"{machine.name} answered something else than JSON", why=repr(line[:80]))
    return answer
