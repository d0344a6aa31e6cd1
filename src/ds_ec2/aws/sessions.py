"""Session Manager's API side: grants for the tunnel, and the signature of its websocket upgrade."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.sessions import SessionGrant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ssm import SSMClient

_SIGNED_SERVICE: Final = "ssmmessages"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
# Source: https://docs.aws.amazon.com/general/latest/gr/ssm.html (endpoints of Session Manager)
_AWS_HOST: Final = r"ssmmessages(-fips)?\.{region}\.(amazonaws\.com(\.cn)?|api\.aws)"


class SsmSessions:
    """A `SessionSource`. Every method may be called from any thread."""

    def __init__(self, client: SSMClient, region: str, credentials: Any) -> None:
        self._client = client
        self._region = region
        self._credentials = credentials

    @translated
    def start(
        self, target: str, document: str | None, parameters: Mapping[str, Sequence[str]]
    ) -> SessionGrant:
        """Call StartSession once."""
        arguments: dict[str, Any] = {"Target": target}
        if document:
            arguments["DocumentName"] = document
        if parameters:
            arguments["Parameters"] = {key: list(values) for key, values in parameters.items()}
        answer = self._client.start_session(**arguments)
        return SessionGrant(answer["SessionId"], answer["StreamUrl"], answer["TokenValue"])

    def resume(self, session_id: str) -> SessionGrant | None:
        """Call ResumeSession; None when the session has timed out."""
        try:
            answer = self._resume(session_id)
        except NoSuchThingError:
            return None
        if not answer.get("TokenValue"):
            return None
        return SessionGrant(session_id, answer["StreamUrl"], answer["TokenValue"])

    def terminate(self, session_id: str) -> None:
        """Call TerminateSession; a session that is gone already is no error."""
        try:
            self._terminate(session_id)
        except NoSuchThingError:
            return

    @translated
    def sign(self, url: str) -> Mapping[str, str]:
        """Return the headers that sign a websocket upgrade to `url`, as the official clients do."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        if self._credentials is None:
            raise DsEc2Error("no AWS credentials were found", hint="aws sso login")
        parts = urlsplit(url)
        # The signer knows the default ports of http and https alone.
        scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
        request: Any = AWSRequest(method="GET", url=urlunsplit(parts._replace(scheme=scheme)))
        SigV4Auth(self._credentials.get_frozen_credentials(), _SIGNED_SERVICE, self._region).add_auth(request)
        return dict(request.headers.items())

    def trusts(self, url: str) -> bool:
        """Return whether a stream URL is AWS's own for this region, or on the host of a named endpoint."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        endpoint = (urlsplit(self._client.meta.endpoint_url).hostname or "").lower()
        if _is_aws(endpoint):
            pattern = _AWS_HOST.format(region=re.escape(self._region))
            return parts.scheme == "wss" and re.fullmatch(pattern, host) is not None
        same = host == endpoint or {host, endpoint} <= _LOOPBACK
        return parts.scheme in {"ws", "wss"} and same and bool(host)

    def stream_address(self) -> tuple[str, int]:
        """Return host and port of data channels: AWS's own for the region, or the named endpoint's."""
        parts = urlsplit(self._client.meta.endpoint_url)
        host = (parts.hostname or "").lower()
        if _is_aws(host):
            return host.replace("ssm", "ssmmessages", 1), 443
        return host, parts.port or (443 if parts.scheme == "https" else 80)

    @translated
    def _resume(self, session_id: str) -> Any:
        return self._client.resume_session(SessionId=session_id)

    @translated
    def _terminate(self, session_id: str) -> None:
        self._client.terminate_session(SessionId=session_id)


def _is_aws(host: str) -> bool:
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
