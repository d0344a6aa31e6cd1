"""Which call a request is: service, action, region, caller's key, protocol."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, parse_qsl

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SIGNAL_PATH: Final = "/_local/cloudformation/"
"""Wait condition handles: URLs that anybody who knows them may PUT to, as presigned ones are on AWS."""
_CREDENTIAL: Final = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_VERSION_2: Final = re.compile(r"AWS ([^:]+):")
_PROTOCOLS: Final = {
    "ec2": "ec2",
    "s3": "rest-xml",
    "lambda": "rest-json",
    "cloudformation": "query",
    "iam": "query",
    "sts": "query",
    "autoscaling": "query",
    "monitoring": "query",
    "sns": "query",
}
_LARGEST_FORM: Final = 16 << 20
"""Bytes of a form that is read to find its action; larger ones are left to moto."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as far as it matters before a service sees it.

    Args:
        service: Its signing name (`ec2`, `ssm`); `s3` where nothing tells.
        action: The API's name of the action; method and path where that is not known.
        region: As signed.
        access_key: The caller's key id, or None for an unsigned request.
        protocol: As botocore's models call it.
        parameters: Flat parameters of a form, top-level members of a JSON body.
    """

    service: str
    action: str
    region: str
    access_key: str | None
    protocol: str
    parameters: dict[str, Any] = field(default_factory=dict)


def read(environ: WSGIEnvironment) -> Call:
    """Return what `environ` asks for; its body can be read again afterwards."""
    service, region, key = _credential(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    protocol = "json" if target else _PROTOCOLS.get(service, "rest-json")
    parameters = _parameters(environ, target)
    if target:
        action = target.rsplit(".", 1)[-1]
    elif isinstance(parameters.get("Action"), str) and protocol in {"ec2", "query"}:
        action = parameters["Action"]
    else:
        action = _routed_action(service, environ)
    return Call(service, action, region, key, protocol, parameters)


def _credential(environ: WSGIEnvironment) -> tuple[str, str, str | None]:
    """Return service, region and key id of a header or of a presigned URL."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    if found := _CREDENTIAL.search(header):
        return found[3].lower(), found[2], found[1]
    if found := _VERSION_2.match(header):
        return "s3", "us-east-1", found[1]
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if scope := query.get("X-Amz-Credential"):
        parts = scope[0].split("/")
        if len(parts) == 5:
            return parts[3].lower(), parts[2], parts[0]
    if key := query.get("AWSAccessKeyId"):
        return "s3", "us-east-1", key[0]
    return "s3", "us-east-1", None


def _parameters(environ: WSGIEnvironment, target: str) -> dict[str, Any]:
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    kind = environ.get("CONTENT_TYPE", "")
    form = kind.startswith("application/x-www-form-urlencoded")
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not (form or target) or not 0 < length <= _LARGEST_FORM:
        return query
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    if form:
        return query | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        members = json.loads(body)
    except ValueError:
        return query
    return members if isinstance(members, dict) else query


def _routed_action(service: str, environ: WSGIEnvironment) -> str:
    """Return the action of a REST call from its method and path."""
    fallback = f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"
    router = _router(service)
    if router is None:
        return fallback
    from moto.core.request import Request
    from werkzeug.exceptions import HTTPException

    try:
        operation, _ = router.match(Request(dict(environ, **{"wsgi.input": io.BytesIO()})))
    except (HTTPException, NotImplementedError, KeyError, AttributeError):
        return fallback
    return str(operation.name)


@lru_cache
def _router(service: str) -> Any:
    from botocore.exceptions import UnknownServiceError
    from moto.core.responses import get_service_router
    from moto.core.utils import get_service_model

    try:
        get_service_model(service)
        return get_service_router(service)
    except (UnknownServiceError, NotImplementedError):
        return None
