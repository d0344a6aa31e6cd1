from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from ds_ec2.aws.advice import advice
from ds_ec2.aws.errors import (
    AlreadyExistsError,
    DeniedError,
    NoSuchThingError,
    from_answer,
    from_client,
    translated,
)
from ds_ec2.aws.refusals import clear
from ds_ec2.errors import DsEc2Error, TargetNotConnectedError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError


def answered(code: str, message: str = "", operation: str = "RunInstances") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def test_a_denial_names_the_action_and_the_statement_that_allows_it() -> None:
    message = (
        "User: arn:aws:iam::123456789012:user/ana is not authorized to perform: cloudformation:CreateStack"
        " on resource: arn:aws:cloudformation:us-east-1:123456789012:stack/ds-ec2-network/*"
    )
    error = from_answer(answered("AccessDenied", message, "CreateStack"))
    assert error.what == "AWS denies cloudformation:CreateStack, no policy allows it"
    assert '"Action": "cloudformation:CreateStack"' in error.hint
    assert "stack/ds-ec2-network/*" in error.hint


@pytest.mark.parametrize(
    ("end", "cause", "hint"),
    [
        (
            "because no identity-based policy allows the iam:CreateRole action",
            "no policy allows",
            "allow in IAM",
        ),
        ("with an explicit deny in an identity-based policy", "a policy denies", "out of the Deny"),
        (
            "because no permissions boundary allows the iam:CreateRole action",
            "boundary",
            "permissions boundary:",
        ),
        ("with an explicit deny in a service control policy", "organisation", "of the organisation"),
        (
            "because no service control policy allows the iam:CreateRole action",
            "organisation",
            "of the organis",
        ),
    ],
)
def test_a_denial_says_what_denies_and_so_what_helps(end: str, cause: str, hint: str) -> None:
    error = from_answer(
        answered("AccessDenied", f"User: x is not authorized to perform: iam:CreateRole on resource: r {end}")
    )
    assert cause in error.what
    assert hint in error.hint


ENCODED = "You are not authorized to perform this operation. Encoded authorization failure message: abc-123_x"


def test_an_encoded_refusal_is_decoded_where_it_alone_names_the_action() -> None:
    document = {
        "explicitDeny": False,
        "context": {
            "principal": {"arn": "arn:aws:iam::1:user/ana"},
            "action": "ec2:RunInstances",
            "resource": "arn:aws:ec2:us-east-1:1:instance/*",
        },
    }
    asked: list[str] = []

    def decode(text: str) -> str:
        asked.append(text)
        return json.dumps(document)

    error = from_answer(answered("UnauthorizedOperation", clear(ENCODED, decode)))
    assert asked == ["abc-123_x"]
    assert error.what == "AWS denies ec2:RunInstances, no policy allows it"
    assert "instance/*" in error.hint
    named = f"User: x is not authorized to perform: ec2:RunInstances. {ENCODED}"
    assert "abc-123_x" not in clear(named, decode)
    assert len(asked) == 1


def test_an_encoded_refusal_that_may_not_be_read_says_so() -> None:
    def decode(_: str) -> str:
        raise DeniedError("denied", why="", hint="", action="sts:DecodeAuthorizationMessage")

    assert "sts:DecodeAuthorizationMessage is not allowed either" in clear(ENCODED, decode)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("TargetNotConnected", "i-1 is not connected.", TargetNotConnectedError),
        ("AlreadyExistsException", "Stack [x] already exists", AlreadyExistsError),
        ("ValidationError", "Stack with id x does not exist", NoSuchThingError),
        ("ParameterNotFound", "", NoSuchThingError),
    ],
)
def test_what_code_catches_has_a_class_of_its_own(code: str, message: str, kind: type[Exception]) -> None:
    assert type(from_answer(answered(code, message))) is kind


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        ("ExpiredToken", "expired", "aws sso login"),
        ("InvalidClientTokenId", "does not accept", "aws sso login"),
        ("Throttling", "throttles RunInstances", "wait"),
        ("VcpuLimitExceeded", "quota", "ds-ec2 quota request"),
        ("InsufficientInstanceCapacity", "free in this zone", "--zone"),
        ("SomethingNew", "AWS refused RunInstances", ""),
    ],
)
def test_an_answer_becomes_words_and_a_hint(code: str, words: str, hint: str) -> None:
    error = from_answer(answered(code, "in AWS's words"))
    assert words in error.what
    assert hint in error.hint
    assert "in AWS's words" in error.why


def test_no_credentials_names_the_way_without_an_account() -> None:
    error = from_client(exceptions.NoCredentialsError())
    assert "aws configure sso" in error.hint
    assert "--local" in error.hint


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.SSOTokenLoadError(error_msg="x"), "expired"),
        (exceptions.ProfileNotFound(profile="x"), "no such profile"),
        (exceptions.NoRegionError(), "no region"),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://ec2.nowhere.amazonaws.com/"),
            "cannot be reached",
        ),
        (
            exceptions.ConnectTimeoutError(endpoint_url="https://ec2.us-east-1.amazonaws.com/"),
            "cannot be reached",
        ),
        (exceptions.UnknownServiceError(service_name="x", known_service_names="y"), "client failed"),
    ],
)
def test_an_error_before_the_answer_becomes_words(error: BotoCoreError, words: str) -> None:
    assert words in from_client(error).what


def test_a_dead_embedded_aws_is_told_apart() -> None:
    error = from_client(exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:4577/"))
    assert error.hint.startswith("ds-ec2 --local up")


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("We currently do not have sufficient g5.xlarge capacity in the zone", "no machine of this type"),
        ("You have requested more vCPU capacity than your current vCPU limit of 0 allows", "quota"),
        (
            "User: x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/r.",
            "iam:PassRole",
        ),
        ("The maximum number of VPCs has been reached.", "VPCs"),
    ],
)
def test_a_stacks_reason_is_understood(reason: str, meaning: str) -> None:
    assert meaning in advice(reason)[0]


def test_an_unknown_reason_gets_no_advice() -> None:
    assert advice("the moon is full") == ("", "")


def test_the_original_error_stays_as_the_cause_and_others_pass() -> None:
    original = answered("Throttling")

    @translated
    def throttled() -> None:
        raise original

    @translated
    def ours() -> None:
        raise DsEc2Error("ours")

    with pytest.raises(DsEc2Error) as caught:
        throttled()
    assert caught.value.__cause__ is original
    with pytest.raises(DsEc2Error, match="ours"):
        ours()


def test_a_page_that_is_not_from_aws_is_no_traceback() -> None:
    @translated
    def call() -> None:
        raise ResponseParserError("Unable to parse response\nb'<!doctype html>'")

    with pytest.raises(DsEc2Error, match="not AWS") as caught:
        call()
    assert caught.value.why == "Unable to parse response"
    assert "HTTPS_PROXY" in caught.value.hint
