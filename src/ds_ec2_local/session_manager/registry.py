"""The sessions of the account: StartSession, ResumeSession, TerminateSession and DescribeSessions.

It is called from the threads of the HTTP server and from the gateway's event loop.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from ds_ec2_local.session_manager.documents import SessionPlan, plan
from ds_ec2_local.session_manager.exceptions import (
    DoesNotExistException,
    InvalidFilterKey,
    InvalidNextToken,
    TargetNotConnected,
    ValidationException,
)

TOKEN_LIFETIME_S = 300.0
"""A token not used by then is dead. AWS states no figure."""
PAGE = 200
"""Source: DescribeSessions, the most results of one page."""
HISTORY_LIMIT = 1000
"""Ended sessions that are remembered. AWS keeps them for 30 days."""


class Principal(Protocol):
    """Who asks."""

    @property
    def name(self) -> str:
        """User's name, or the name of the role's session: the id of a session begins with it."""

    @property
    def arn(self) -> str:
        """As GetCallerIdentity tells it."""


@dataclass(slots=True)
class Session:
    """One session; times are seconds since 1970. Changed only by the registry, under its lock."""

    session_id: str
    target: str
    plan: SessionPlan
    owner_arn: str
    reason: str
    started_at: float
    guest_socket: Path
    status: str = "Connecting"
    ended_at: float | None = None
    tokens: dict[str, float] = field(default_factory=dict)


class SessionRegistry:
    """All sessions, and the tokens that open them.

    Args:
        connected: Whether the agent of an instance can be reached.
        guest_socket: Where an instance's sandbox listens.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        connected: Callable[[str], bool],
        guest_socket: Callable[[str], Path],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connected = connected
        self._guest_socket = guest_socket
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self.stream_base = ""
        """`ws://host:port`; the gateway writes it when it listens."""
        self.on_end: Callable[[str, str], None] = lambda _session_id, _output: None
        """Told of a session that the API ended: its id, and the text for the client; the gateway sets it."""

    def open(
        self,
        target: str,
        document: str | None,
        parameters: Mapping[str, Sequence[str]] | None,
        principal: Principal,
        reason: str = "",
    ) -> dict[str, str]:
        """Answer StartSession: a token, and where to spend it.

        Raises:
            TargetNotConnected: The agent of the instance is not connected.
            InvalidDocument: There is no such document.
            ValidationException: The document's parameters do not fit.
        """
        session_plan = plan(document, parameters)
        if not self._connected(target):
            raise TargetNotConnected(target)
        session_id = f"{principal.name}-{secrets.token_hex(9)[:17]}"
        session = Session(
            session_id=session_id,
            target=target,
            plan=session_plan,
            owner_arn=principal.arn,
            reason=reason,
            started_at=self._clock(),
            guest_socket=self._guest_socket(target),
        )
        with self._lock:
            self._sessions[session_id] = session
            self._forget_old()
            return self._with_token(session)

    def resume(self, session_id: str) -> dict[str, str]:
        """Answer ResumeSession; the token is empty when the session is over.

        Raises:
            DoesNotExistException: There never was such a session.
        """
        with self._lock:
            session = self._find(session_id)
            if session.ended_at is not None:
                return {"SessionId": session_id, "TokenValue": "", "StreamUrl": self._url(session_id)}
            return self._with_token(session)

    def terminate(self, session_id: str) -> dict[str, str]:
        """Answer TerminateSession; one that is over or unknown is no error."""
        self._end_many([session_id], "")
        return {"SessionId": session_id}

    def describe(
        self,
        state: str,
        filters: Sequence[Mapping[str, str]] = (),
        max_results: int = PAGE,
        next_token: str = "",
    ) -> dict[str, Any]:
        """Answer DescribeSessions, the newest first.

        Raises:
            ValidationException: The state is neither Active nor History.
            InvalidNextToken: The token is not one of ours.
            InvalidFilterKey: A filter has a key that is not known here.
        """
        if state not in {"Active", "History"}:
            raise ValidationException(f"State {state} is neither Active nor History")
        if next_token and not next_token.isdecimal():
            raise InvalidNextToken("The specified token is not valid.")
        with self._lock:
            rows = [
                _row(session)
                for session in reversed(self._sessions.values())
                if (session.ended_at is None) == (state == "Active")
            ]
        for wanted in filters:
            rows = _filtered(rows, wanted["key"], wanted["value"])
        first = int(next_token or 0)
        answer: dict[str, Any] = {"Sessions": rows[first : first + max_results]}
        if len(rows) > first + max_results:
            answer["NextToken"] = str(first + max_results)
        return answer

    def end_target(self, target: str, output: str = "The instance is no longer running.") -> None:
        """End every session of an instance that stopped."""
        with self._lock:
            ids = [s.session_id for s in self._sessions.values() if s.target == target and s.ended_at is None]
        self._end_many(ids, output)

    def redeem(self, session_id: str, token: str) -> Session | None:
        """Use up a token; return its session, or None when it is wrong, used, late, or the session over."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.ended_at is not None:
                return None
            expires_at = session.tokens.pop(token, None)
            if expires_at is None or self._clock() >= expires_at:
                return None
            return session

    def mark(self, session_id: str, status: str) -> None:
        """Note a session's status: Connected, Disconnected; Terminated and Failed end it."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.ended_at is not None:
                return
            session.status = status
            if status in {"Terminated", "Failed"}:
                session.ended_at = self._clock()
                session.tokens.clear()

    def _end_many(self, session_ids: Sequence[str], output: str) -> None:
        for session_id in session_ids:
            self.mark(session_id, "Terminated")
            self.on_end(session_id, output)

    def _find(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise DoesNotExistException(f"Session {session_id} does not exist")
        return session

    def _with_token(self, session: Session) -> dict[str, str]:
        token = secrets.token_urlsafe(96)
        session.tokens[token] = self._clock() + TOKEN_LIFETIME_S
        return {
            "SessionId": session.session_id,
            "TokenValue": token,
            "StreamUrl": self._url(session.session_id),
        }

    def _url(self, session_id: str) -> str:
        return f"{self.stream_base}/v1/data-channel/{session_id}?role=publish_subscribe"

    def _forget_old(self) -> None:
        """Keep the newest of the sessions that ended."""
        ended = [s.session_id for s in self._sessions.values() if s.ended_at is not None]
        for session_id in ended[: max(0, len(ended) - HISTORY_LIMIT)]:
            del self._sessions[session_id]


def _row(session: Session) -> dict[str, Any]:
    row: dict[str, Any] = {
        "SessionId": session.session_id,
        "Target": session.target,
        "Status": session.status,
        "StartDate": datetime.fromtimestamp(session.started_at, UTC),
        "DocumentName": session.plan.document,
        "Owner": session.owner_arn,
        "AccessType": "Standard",
    }
    if session.reason:
        row["Reason"] = session.reason
    if session.ended_at is not None:
        row["EndDate"] = datetime.fromtimestamp(session.ended_at, UTC)
    return row


_FILTER_KEYS = frozenset({"Target", "Owner", "Status", "SessionId"})


def _filtered(rows: list[dict[str, Any]], key: str, value: str) -> list[dict[str, Any]]:
    if key not in _FILTER_KEYS:
        raise InvalidFilterKey(f"The filter key {key} is not supported here")
    return [row for row in rows if row[key] == value]
