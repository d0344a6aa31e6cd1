"""Lambda's calls over the function runner."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaBackend, lambda_backends

from ds_ec2_local.services.parts import ACCOUNT

if TYPE_CHECKING:
    from ds_ec2_local.services.functions import FunctionRunner

_runner: list[FunctionRunner] = []


class LocalLambdaBackend(LambdaBackend):  # type: ignore[misc] # moto has no types
    """One region's Lambda."""

    __module__ = "moto.awslambda.models"  # where moto looks for the service's urls

    def invoke(
        self, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        """Run a function; `Event` returns before it has run."""
        function = self.get_function(function_name, qualifier)
        event = json.loads(body) if body else {}
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            threading.Thread(target=_runner[0].run, args=(function, event), daemon=True).start()
            return b""
        outcome = _runner[0].run(function, event)
        if outcome.failed:
            response_headers["x-amz-function-error"] = outcome.failed
        response_headers["x-amz-executed-version"] = "$LATEST"
        response_headers["x-amz-log-result"] = base64.b64encode(outcome.log[-4096:].encode()).decode()
        return outcome.payload.encode()


def install(runner: FunctionRunner) -> None:
    """Put ours in the place of moto's."""
    _runner[:] = [runner]
    lambda_backends.backend = LocalLambdaBackend


def invoke(region: str, arn: str, event: dict[str, Any]) -> None:
    """Run a function for an event; it is retried twice when it fails, at once (AWS waits a minute)."""
    function = lambda_backends[ACCOUNT][region].get_function(arn)
    for _ in range(3):
        if not _runner[0].run(function, event).failed:
            return
