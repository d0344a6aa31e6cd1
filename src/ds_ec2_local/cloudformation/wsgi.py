"""The thin HTTP side: answers what is CloudFormation's, and hands on everything else."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from ds_ec2_local.cloudformation import protocol, signals
from ds_ec2_local.cloudformation.change_sets import ChangeSets
from ds_ec2_local.cloudformation.clients import Clients
from ds_ec2_local.cloudformation.describe import Descriptions
from ds_ec2_local.cloudformation.engine import Engine
from ds_ec2_local.cloudformation.errors import ServiceError, UnknownActionError, ValidationError
from ds_ec2_local.cloudformation.state import Caller, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DEFAULT_ACCOUNT: Final = "123456789012"
_SCOPE: Final = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/cloudformation/aws4_request")
_FIRST: Final = re.compile(r"(?<!^)(?=[A-Z])")


def install(
    application: WSGIApplication,
    endpoint_url: str,
    *,
    signal_url: str | None = None,
    account_of: Callable[[str], str] = lambda _access_key: DEFAULT_ACCOUNT,
) -> WSGIApplication:
    """Return an application that answers CloudFormation and hands all else to `application`.

    Args:
        application: The other services; moto's `DomainDispatcherApplication`.
        endpoint_url: Where the engine reaches them, once the server runs.
        signal_url: Where instances reach the server, if that is elsewhere.
        account_of: Returns the account of an access key.
    """
    engine = Engine(Store(), Clients(endpoint_url), signals.Signals(signal_url or endpoint_url))
    return Application(engine, application, account_of)


class Application:
    """CloudFormation before another application."""

    def __init__(self, engine: Engine, other: WSGIApplication, account_of: Callable[[str], str]) -> None:
        self.engine: Final = engine
        self._other = other
        self._account_of = account_of
        self._parts: Final = (engine, ChangeSets(engine), Descriptions(engine))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("PATH_INFO", "").startswith(signals.PATH):
            return self._signal(environ, start_response)
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is None:
            return self._other(environ, start_response)
        access_key, region = scope.groups()
        token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN")
        caller = Caller(self._account_of(access_key), region, access_key, token)
        status, body = self.answer(caller, dict(parse_qsl(_body(environ).decode(), keep_blank_values=True)))
        return _respond(start_response, status, body)

    def answer(self, caller: Caller, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Return status and XML for a request's form."""
        request_id = str(uuid.uuid4())
        action = form.get("Action", "")
        try:
            operation = self._operation(action)
            request = protocol.parse(action, form)
            _require(action, request)
            return 200, protocol.render(action, operation(caller, request), request_id)
        except ServiceError as error:
            return error.status, protocol.render_error(error.code, str(error), error.status, request_id)

    def _operation(self, action: str) -> Callable[[Caller, Mapping[str, Any]], dict[str, Any]]:
        name = _FIRST.sub("_", action).lower()
        if action in protocol.service_model().operation_names:
            for part in self._parts:
                if operation := getattr(part, name, None):
                    return operation  # type: ignore[no-any-return] # found by its name
        raise UnknownActionError(f"{action} is not answered by the embedded AWS")

    def _signal(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = _body(environ)
        if environ["REQUEST_METHOD"] not in {"PUT", "POST"}:
            return _respond(start_response, 405, b"a signal is PUT")
        try:
            self.engine.signals.at(environ["PATH_INFO"]).put(signals.read(body))
        except KeyError:
            return _respond(start_response, 404, b"no such wait condition handle")
        except ValidationError as error:
            return _respond(start_response, 400, str(error).encode())
        return _respond(start_response, 200, b"")


def _require(action: str, request: Mapping[str, Any]) -> None:
    shape = protocol.service_model().operation_model(action).input_shape
    for name in shape.required_members if shape is not None else ():
        if name not in request:
            first = name[0].lower() + name[1:]
            raise ValidationError(
                f"1 validation error detected: Value null at '{first}' failed to satisfy constraint:"
                " Member must not be null"
            )


def _body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH")
    body: bytes = environ["wsgi.input"].read(int(length)) if length else b""
    return body


def _respond(start_response: StartResponse, status: int, body: bytes) -> Iterable[bytes]:
    kind = "text/xml" if body.startswith(b"<") else "text/plain"
    start_response(f"{status} ", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
