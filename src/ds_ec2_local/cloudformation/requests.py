"""Requests turned into targets: template found and read, parameters bound, capabilities checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from ds_ec2_local.cloudformation import parameters, references, resources, stack_policy
from ds_ec2_local.cloudformation.errors import InsufficientCapabilitiesError, ValidationError
from ds_ec2_local.cloudformation.intrinsics import Evaluator
from ds_ec2_local.cloudformation.resources.iam import NAMES
from ds_ec2_local.cloudformation.scope import Place, StackScope
from ds_ec2_local.cloudformation.state import Caller, Options, Target
from ds_ec2_local.cloudformation.template import LARGEST_AT_URL, LARGEST_BODY, Template, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2_local.cloudformation.clients import Clients
    from ds_ec2_local.cloudformation.parameters import Parameter
    from ds_ec2_local.cloudformation.state import Stack

_STACK_NAME: Final = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
SECONDS_A_MINUTE: Final = 60.0
_NAMED: Final = "CAPABILITY_NAMED_IAM"
_S3_HOST: Final = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?!website)[a-z0-9.-]*amazonaws\.com(\.cn)?")
"""A bucket's website is no such host. Source: CloudFormation's API reference, CreateStack, TemplateURL."""


def check_name(name: str) -> str:
    """Return a stack's name if it may be one."""
    if not _STACK_NAME.fullmatch(name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member"
            " must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )
    return name


def template_of(request: Mapping[str, Any], clients: Clients, caller: Caller) -> Template | None:
    """Return the template that a request carries or points to; None where it does neither.

    Raises:
        ValidationError: It is too large, cannot be read, or has a type that the engine does not know.
    """
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    if body is not None and url is not None:
        raise ValidationError("Only one of TemplateBody or TemplateURL may be specified")
    if url is not None:
        body = _fetch(url, clients, caller)
    elif body is not None and len(body.encode()) > LARGEST_BODY:
        raise ValidationError(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint:"
            f" Member must have length less than or equal to {LARGEST_BODY}"
        )
    if body is None:
        return None
    template = parse(body)
    parameters.check_declarations(template)
    unknown = sorted({entry.type for entry in template.resources.values() if not resources.known(entry.type)})
    if unknown:
        raise ValidationError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    return template


def _fetch(url: str, clients: Clients, caller: Caller) -> str:
    """Return the object at an S3 URL; the embedded AWS's own address stands for S3's."""
    parts = urlsplit(url)
    key = unquote(parts.path.lstrip("/"))
    match = _S3_HOST.fullmatch(parts.hostname or "") if parts.scheme == "https" else None
    bucket = match["bucket"] if match else None
    if not bucket:
        bucket, _, key = key.partition("/")
    here = f"{parts.scheme}://{parts.netloc}" == clients.endpoint_url
    if not (match or here) or not bucket or not key:
        raise ValidationError("TemplateURL must be a supported URL.")
    try:
        answer = clients.call(caller, "s3", "GetObject", {"Bucket": bucket, "Key": key})
    except ClientError as error:
        raise ValidationError(
            f"S3 error: {error.response['Error'].get('Message', 'Access Denied')}"
        ) from error
    data: bytes = answer["Body"].read()
    if len(data) > LARGEST_AT_URL:
        raise ValidationError(f"Template may not exceed {LARGEST_AT_URL} bytes in size.")
    return data.decode()


def capabilities_of(template: Template) -> tuple[str, ...]:
    """Return the capabilities that a template needs."""
    kinds = [entry for entry in template.resources.values() if entry.type.startswith("AWS::IAM::")]
    if any(NAMES.get(entry.type, "") in entry.properties for entry in kinds):
        return (_NAMED,)
    return ("CAPABILITY_IAM",) if kinds else ()


def target_of(request: Mapping[str, Any], template: Template, before: Stack | None, place: Place) -> Target:
    """Return what a request makes of a stack.

    Args:
        request: Its parameters, tags, capabilities.
        template: Its template.
        before: The stack that exists already.
        place: Account and region.

    Raises:
        ValidationError: With CloudFormation's text.
        InsufficientCapabilitiesError: The request does not say that it knows of IAM resources.
    """
    given = tuple(request.get("Capabilities") or ())
    needed = capabilities_of(template)
    if needed and _NAMED not in given and not set(needed) & set(given):
        raise InsufficientCapabilitiesError(f"Requires capabilities : [{needed[0]}]")
    previous: Mapping[str, Parameter] = before.target.parameters if before else {}
    bound = parameters.bind(template, request.get("Parameters") or (), previous, place.stored)
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    if any(key.startswith("aws:") for key in tags):
        raise ValidationError("aws: prefixed tag key names are not allowed for external use.")
    if before is not None and "Tags" not in request:
        tags = dict(before.target.tags)
    return Target(
        template=template,
        parameters=bound,
        tags=tags,
        capabilities=given,
        notification_arns=tuple(request.get("NotificationARNs") or ()),
        role_arn=request.get("RoleARN"),
    )


def check_template(target: Target, caller: Caller, place: Place) -> None:
    """Refuse a template whose references or conditions do not hold together."""
    evaluator = Evaluator(target.template, StackScope(place, caller, ("", ""), target, {}))
    for name in target.template.section("Conditions"):
        evaluator.holds(name)
    references.check(target.template, evaluator.holds)


def options_of(request: Mapping[str, Any], default: str = "ROLLBACK") -> Options:
    """Return how the operation is to behave.

    Raises:
        ValidationError: OnFailure and DisableRollback are both given, or a policy is not in good form.
    """
    on_failure = request.get("OnFailure") or request.get("OnStackFailure")
    if request.get("DisableRollback") is not None and on_failure:
        raise ValidationError("You may not specify both DisableRollback and OnFailure")
    if request.get("DisableRollback"):
        on_failure = "DO_NOTHING"
    during = request.get("StackPolicyDuringUpdateBody")
    minutes = request.get("TimeoutInMinutes")
    return Options(
        on_failure=on_failure or default,
        token=request.get("ClientRequestToken"),
        during_update_policy=stack_policy.check(during) if during else None,
        retain_except_on_create=bool(request.get("RetainExceptOnCreate")),
        timeout_s=float(minutes) * SECONDS_A_MINUTE if minutes else None,
    )
