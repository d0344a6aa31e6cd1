"""What the tunnel needs from AWS, as a protocol: the tunnel and `ds_ec2.aws` do not know each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class SessionGrant:
    """An answer of StartSession or ResumeSession: the right to open one data channel.

    The token is left out of `repr`, so that it reaches no log.
    """

    session_id: str
    stream_url: str
    token: str = field(repr=False)


class SessionSource(Protocol):
    """Starts Session Manager sessions. Every method blocks, and may be called from any thread."""

    def start(
        self, target: str, document: str | None, parameters: Mapping[str, Sequence[str]]
    ) -> SessionGrant:
        """Call StartSession once; `document` None means the account's default shell document.

        Raises:
            TargetNotConnectedError: The agent is not (yet) connected: the one error worth a retry.
            DsEc2Error: Anything else.
        """
        ...

    def resume(self, session_id: str) -> SessionGrant | None:
        """Call ResumeSession; None when the session has timed out."""
        ...

    def terminate(self, session_id: str) -> None:
        """Call TerminateSession; a session that is gone already is no error."""
        ...

    def sign(self, url: str) -> Mapping[str, str]:
        """Return the headers (Authorization, X-Amz-Date, ...) that sign a websocket upgrade to `url`.

        SigV4, service `ssmmessages`, method GET, empty body, only Host signed besides date and token.
        """
        ...

    def trusts(self, url: str) -> bool:
        """Return whether `url` is AWS's own, or belongs to the emulator that the user named."""
        ...
