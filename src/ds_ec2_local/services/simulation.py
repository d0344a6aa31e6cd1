"""What tells of permissions: iam:SimulatePrincipalPolicy and sts:DecodeAuthorizationMessage.

moto has neither in a form that knows what `authorization` refuses.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

from ds_ec2_local.services.authorization import decide
from ds_ec2_local.services.failures import AwsError
from ds_ec2_local.services.parts import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_DECISIONS: Final = {"": "allowed", "statement": "explicitDeny", "organization": "explicitDeny"}
"""By what refuses; everything else is `implicitDeny`."""


def encode(principal: str, action: str, resource: str, by: str) -> str:
    """Return what EC2 appends to a refusal for DecodeAuthorizationMessage.

    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
    """
    message = {
        "allowed": False,
        "explicitDeny": _DECISIONS.get(by) == "explicitDeny",
        "matchedStatements": {"items": []},
        "context": {"principal": {"arn": principal}, "action": action, "resource": resource},
    }
    return base64.urlsafe_b64encode(json.dumps(message).encode()).decode().rstrip("=")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one of the two calls (WSGI)."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    form = parse_qs(environ["wsgi.input"].read(length).decode())
    action = form["Action"][0]
    if action == "DecodeAuthorizationMessage":
        text = _decoded(form["EncodedMessage"][0])
        result = f"<DecodedMessage>{escape(text)}</DecodedMessage>"
        namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
    else:
        result = _simulated(form)
        namespace = "https://iam.amazonaws.com/doc/2010-05-08/"
    body = (
        f'<{action}Response xmlns="{namespace}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    ).encode()
    start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]


def _decoded(message: str) -> str:
    try:
        return base64.urlsafe_b64decode(message + "=" * (-len(message) % 4)).decode()
    except ValueError as error:
        raise AwsError("InvalidAuthorizationMessageException", "The message is invalid.", 400) from error


def _simulated(form: dict[str, list[str]]) -> str:
    """Return a result for each action, with one for each resource in it."""
    names = [_entity(form["PolicySourceArn"][0])]
    actions = _members(form, "ActionNames")
    resources = _members(form, "ResourceArns") or ["*"]
    results = "".join(_result(names, action, resources) for action in actions)
    return f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"


def _result(names: list[str], action: str, resources: list[str]) -> str:
    by = decide(names, action).by
    decision = _DECISIONS.get(by, "implicitDeny")
    boundary = (
        "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
        f"{str(by != 'boundary').lower()}</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>"
    )
    organization = (
        "<OrganizationsDecisionDetail><AllowedByOrganizations>"
        f"{str(by != 'organization').lower()}</AllowedByOrganizations></OrganizationsDecisionDetail>"
    )
    each = "".join(
        f"<member><EvalResourceName>{escape(one)}</EvalResourceName>"
        f"<EvalResourceDecision>{decision}</EvalResourceDecision><MissingContextValues/>{boundary}</member>"
        for one in resources
    )
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision>{organization}{boundary}<MissingContextValues/>"
        f"<ResourceSpecificResults>{each}</ResourceSpecificResults></member>"
    )


def _entity(arn: str) -> str:
    """Return the name of a user or role that exists.

    Raises:
        AwsError: The ARN is of something else (a role's session, the root user), or nothing has it.
    """
    from moto.iam.models import iam_backends

    iam: Any = iam_backends[ACCOUNT]["aws"]
    kind, _, _ = arn.rpartition(":")[2].partition("/")
    if not arn.startswith(f"arn:aws:iam::{ACCOUNT}:") or kind not in {"user", "role", "group"}:
        raise AwsError(
            "InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    known = [*iam.users.values(), *iam.roles.values(), *iam.groups.values()]
    found = next((one for one in known if one.arn == arn), None)
    if found is None:
        raise AwsError("NoSuchEntity", f"The ARN {arn} cannot be found.", 404)
    return arn.rpartition("/")[2]


def _members(form: dict[str, list[str]], name: str) -> list[str]:
    keys = (key for key in form if key.startswith(f"{name}.member."))
    return [form[key][0] for key in sorted(keys, key=lambda key: int(key.rpartition(".")[2]))]
