"""The service and the agent: `python -m benchmarks.far_end none|agent SOCKET`.

A line of JSON on standard input asks for a session, `[target, document, parameters]`; the answer is one line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.local.session_manager.conftest import Ana

from ds_ec2_local.session_manager.gateway import Gateway
from ds_ec2_local.session_manager.registry import SessionRegistry
from ds_ec2_local.session_manager.settings import GatewaySettings


def main(pace: str, socket: str) -> None:
    """Serve until standard input ends."""
    registry = SessionRegistry(lambda _target: True, lambda _target: Path(socket))
    gateway = Gateway(registry, GatewaySettings(pace="agent" if pace == "agent" else None))
    gateway.start()
    for line in sys.stdin:
        target, document, parameters = json.loads(line)
        print(json.dumps(registry.open(target, document, parameters, Ana())), flush=True)
    gateway.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
