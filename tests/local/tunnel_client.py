"""The tunnel in a process of its own: `tunnel_client.py shell|proxy GRANT [ARGUMENT]`; GRANT is JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.local.session_manager.plugin_client import ACCESS_KEY, SECRET

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.sessions import SessionGrant
from ds_ec2.tunnel import run_proxy, run_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass
class GatewaySource:
    """A SessionSource with the answers of StartSession at hand, and real signatures."""

    answer: Callable[[str, str | None, Mapping[str, Sequence[str]]], Mapping[str, str]]
    end: Callable[[str], object] = lambda _session: None

    def start(
        self, target: str, document: str | None, parameters: Mapping[str, Sequence[str]]
    ) -> SessionGrant:
        answer = self.answer(target, document, parameters)
        return SessionGrant(answer["SessionId"], answer["StreamUrl"], answer["TokenValue"])

    def resume(self, session_id: str) -> SessionGrant | None:
        raise NotImplementedError(session_id)

    def terminate(self, session_id: str) -> None:
        self.end(session_id)

    def sign(self, url: str) -> Mapping[str, str]:
        request = AWSRequest("GET", url.replace("ws://", "http://"))
        SigV4Auth(Credentials(ACCESS_KEY, SECRET), "ssmmessages", "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def trusts(self, url: str) -> bool:
        return url.startswith("ws://127.0.0.1:")


def main(verb: str, grant: str, argument: str = "") -> int:
    source = GatewaySource(lambda _target, _document, _parameters: json.loads(grant))
    try:
        if verb == "proxy":
            return run_proxy(source, "i-1", int(argument))
        return run_shell(source, "i-1", argument or None)
    except DsEc2Error as error:
        sys.stderr.write(f"{error.what}: {error.why}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
