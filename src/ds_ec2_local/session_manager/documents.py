"""The session documents that AWS owns: their parameters, and what a session made from one is.

Source: `aws ssm describe-document` / `get-document` of each, and the Session Manager user guide.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ds_ec2_local.session_manager.exceptions import InvalidDocument, ValidationException

DEFAULT_DOCUMENT = "SSM-SessionManagerRunShell"

PORT = re.compile(
    r"([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
LOCAL_PORT = re.compile(rf"0|{PORT.pattern}")
HOST = re.compile(r"[^,$^&\(\)!;'\"<>`{}\[\]|#=\s]{3,}")
COMMAND = re.compile(r".{1,4096}", re.DOTALL)
BOOLEAN = re.compile(r"(?i:true|false)")


class SessionType(StrEnum):
    """How the agent handles a session."""

    STANDARD_STREAM = "Standard_Stream"
    PORT = "Port"
    INTERACTIVE_COMMANDS = "InteractiveCommands"
    NON_INTERACTIVE_COMMANDS = "NonInteractiveCommands"

    @property
    def has_handshake(self) -> bool:
        """Whether the agent asks before it begins (it does so for shells only when a KMS key is set)."""
        return self in {SessionType.PORT, SessionType.NON_INTERACTIVE_COMMANDS}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a document; without a default it is required."""

    pattern: re.Pattern[str]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A session document; `properties` are passed on as they are."""

    session_type: SessionType
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


_PORTS = {"portNumber": Parameter(PORT, "80"), "localPortNumber": Parameter(LOCAL_PORT, "0")}
_FORWARDING = {"type": "LocalPortForwarding"}
_COMMAND = {"command": Parameter(COMMAND)}

DOCUMENTS: Mapping[str, Document] = {
    DEFAULT_DOCUMENT: Document(SessionType.STANDARD_STREAM),
    "AWS-StartSSHSession": Document(SessionType.PORT, {"portNumber": Parameter(PORT, "22")}),
    "AWS-StartPortForwardingSession": Document(SessionType.PORT, _PORTS, _FORWARDING),
    "AWS-StartPortForwardingSessionToRemoteHost": Document(
        SessionType.PORT, {"host": Parameter(HOST), **_PORTS}, _FORWARDING
    ),
    "AWS-StartInteractiveCommand": Document(SessionType.INTERACTIVE_COMMANDS, _COMMAND),
    "AWS-StartNonInteractiveCommand": Document(
        SessionType.NON_INTERACTIVE_COMMANDS,
        {**_COMMAND, "separateOutputStream": Parameter(BOOLEAN, "False")},
    ),
}


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What the agent is told to do."""

    document: str
    session_type: SessionType
    properties: Mapping[str, str]


def plan(name: str | None, given: Mapping[str, Sequence[str]] | None) -> SessionPlan:
    """Check the parameters of StartSession and fill in the document's defaults.

    Raises:
        InvalidDocument: There is no document of that name.
        ValidationException: A parameter is unknown, missing, or does not fit its pattern.
    """
    name = name or DEFAULT_DOCUMENT
    document = DOCUMENTS.get(name)
    if document is None:
        raise InvalidDocument(f"Document with name {name} does not exist.")
    given = given or {}
    unknown = sorted(set(given) - set(document.parameters))
    if unknown:
        raise ValidationException(f"Parameters not defined in document {name}: {', '.join(unknown)}")
    values = {key: _value(key, rule, given) for key, rule in document.parameters.items()}
    return SessionPlan(name, document.session_type, {**values, **document.properties})


def _value(key: str, rule: Parameter, given: Mapping[str, Sequence[str]]) -> str:
    values = given.get(key)
    if values is None:
        if rule.default is None:
            raise ValidationException(f"Parameter {key} is required")
        return rule.default
    if len(values) != 1 or not rule.pattern.fullmatch(values[0]):
        raise ValidationException(
            f"Parameter {key} has value {list(values)} not matching {rule.pattern.pattern}"
        )
    return values[0]
