"""The way every request takes: who calls, may they, what goes wrong; and one line in the log."""

from __future__ import annotations

import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.services import calls, credentials, failures
from ds_ec2_local.services.actions import actions_of
from ds_ec2_local.services.authorization import authorize
from ds_ec2_local.services.simulation import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ds_ec2_local.services.authorization import Decision
    from ds_ec2_local.services.calls import Call
    from ds_ec2_local.services.faults import Faults
    from ds_ec2_local.services.request_log import RequestLog

LOCAL_PATH: Final = "/_local/"
_RESOURCES: Final = (
    "Target", "InstanceId", "InstanceId.1", "VolumeId", "StackName", "FunctionName", "RoleName", "Name",
)  # fmt: skip
"""Parameters that name a call's resource, in the order in which they are looked for."""


class Gate:
    """A WSGI application before all others.

    Args:
        services: The AWS services.
        local: What is below `/_local/`.
        faults: What is to go wrong.
        log: Where each call leaves a line.
    """

    def __init__(
        self,
        services: WSGIApplication,
        local: WSGIApplication,
        faults: Faults,
        log: RequestLog,
    ) -> None:
        self._services = services
        self._local = local
        self._faults = faults
        self._log = log
        self._seeded = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        signal = path.startswith(calls.SIGNAL_PATH)
        if path.startswith(LOCAL_PATH) and not signal:
            return self._local(environ, start_response)
        if not self._seeded:
            credentials.seed()
            self._seeded = True
        began = time.monotonic()
        call = calls.read(environ)
        status = [500]
        principal = "-"

        def started(line: str, headers: list[tuple[str, str]], info: Any = None) -> Callable[[bytes], object]:
            status[0] = int(line.split(" ", 1)[0])
            return start_response(line, headers, info)

        try:
            if signal:
                return self._signal(environ, started)
            caller = credentials.identify(call)
            principal = caller.name
            credentials.check_scope(call)
            environ["ds_ec2_local.principal"] = caller
            self._admit(caller, call)
            return self._run(environ, started, call)
        except failures.AwsError as refused:
            return failures.answer(started, call.protocol, refused.code, str(refused), status=refused.status)
        finally:
            self._log.write(
                {
                    "time": datetime.now(UTC).isoformat(),
                    "principal": principal,
                    "service": call.service,
                    "action": call.action,
                    "iam": actions_of(call),
                    "region": call.region,
                    "status": status[0],
                    "ms": round((time.monotonic() - began) * 1000, 1),
                }
            )

    def _signal(self, environ: WSGIEnvironment, started: StartResponse) -> Iterable[bytes]:
        """Hand a signal to CloudFormation, or lose it."""
        if self._faults.get("signal_never"):
            started("200 OK", [("Content-Length", "0")])
            return [b""]
        return self._services(environ, started)

    def _admit(self, caller: credentials.Principal, call: Call) -> None:
        """Let a call through, or raise what stops it."""
        if delay := self._faults.get("latency_ms"):
            time.sleep(float(delay) / 1000)
        action = f"{call.service}:{call.action}"
        if failure := self._faults.get("fail_action", {}).get(action):
            code, status, message = failure
            raise failures.AwsError(code, message, int(status))
        if self._faults.throttled(call.service):
            raise _throttled(call)
        resource = next((str(call.parameters[name]) for name in _RESOURCES if name in call.parameters), "*")
        for needed in actions_of(call):
            decision = authorize(caller, needed, resource, {"region": call.region, **call.parameters})
            if not decision.allowed:
                raise _denied(caller, call, needed, resource, decision)

    def _run(self, environ: WSGIEnvironment, started: StartResponse, call: Call) -> Iterable[bytes]:
        """Hand a call to its service; what the service lacks is said, not shown as a page of HTML."""
        environ["ds_ec2_local.region"] = call.region
        environ["ds_ec2_local.service"] = call.service
        environ["ds_ec2_local.action"] = call.action
        try:
            return self._services(environ, started)
        except failures.AwsError:
            raise
        except NotImplementedError as missing:
            raise failures.AwsError(
                "UnsupportedOperation",
                f"The embedded AWS has no {call.service}:{call.action}: {missing}",
                400,
            ) from missing
        except Exception as error:
            traceback.print_exc()
            raise failures.AwsError(
                "InternalFailure", f"The embedded AWS failed in {call.action}: {error!r}", 500
            ) from error


def _denied(
    caller: credentials.Principal, call: Call, action: str, resource: str, decision: Decision
) -> failures.AwsError:
    """Return the refusal in AWS's words; EC2's has a code, and a message that STS decodes."""
    words = (
        f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} {decision.reason}"
    )
    if call.protocol == "ec2":
        more = encode(caller.arn, action, resource, decision.by)
        words = f"You are not authorized to perform this operation. {words}."
        words = f"{words} Encoded authorization failure message: {more}"
        return failures.AwsError("UnauthorizedOperation", words, 403)
    json = call.protocol in {"json", "rest-json"}
    return failures.AwsError("AccessDeniedException" if json else "AccessDenied", words, 400 if json else 403)


def _throttled(call: Call) -> failures.AwsError:
    if call.protocol == "ec2":
        return failures.AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
    code = "ThrottlingException" if call.protocol in {"json", "rest-json"} else "Throttling"
    return failures.AwsError(code, "Rate exceeded", 400)
