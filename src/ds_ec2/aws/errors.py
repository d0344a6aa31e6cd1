"""The one place where botocore's errors become ours: what happened, why, and what to paste next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

from ds_ec2.aws.advice import advice
from ds_ec2.errors import DsEc2Error, NotFoundError, TargetNotConnectedError
from ds_ec2.policy.statements import mended, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.exceptions import BotoCoreError, ClientError

P = ParamSpec("P")
R = TypeVar("R")

_SIGN_IN: Final = "aws sso login (or aws configure sso once); without an account: ds-ec2 --local up"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class AlreadyExistsError(DsEc2Error):
    """A stack of that name, or an open request of that quota, exists: somebody was faster."""


class NoSuchThingError(NotFoundError):
    """AWS knows no such stack, parameter, image, type or session. `code` is AWS's own."""

    def __init__(self, what: str, *, why: str, code: str) -> None:
        super().__init__(what, why=why)
        self.code = code


class CredentialsError(DsEc2Error):
    """There are no credentials, or AWS does not take them (any more)."""


class DeniedError(DsEc2Error):
    """The caller may not do that. `action` is what IAM was asked, or the call's name where it is not told."""

    def __init__(self, what: str, *, why: str, hint: str, action: str) -> None:
        super().__init__(what, why=why, hint=hint)
        self.action = action


class NotRunningError(DsEc2Error):
    """Nothing answers at an address of this computer: the embedded AWS has ended."""


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Turn what botocore raises into `DsEc2Error`, with the original as its cause."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            return function(*args, **kwargs)
        except ClientError as error:
            raise from_answer(error) from error
        except BotoCoreError as error:
            raise from_client(error) from error
        except ResponseParserError as error:
            raise DsEc2Error(
                "what answered is not AWS",
                why=str(error).splitlines()[0],
                hint="check HTTPS_PROXY and AWS_ENDPOINT_URL; some networks show a sign-in page first",
            ) from error

    return call


# Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and each service's
# "Common Errors" page. Codes of several services stand together where they mean the same.
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_REFUSED: Final = frozenset(
    {
        "InvalidClientTokenId",
        "AuthFailure",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "IncompleteSignature",
        "InvalidSignatureException",
    }
)
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
)
THROTTLED: Final = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}
)
_MISSING: Final = frozenset(
    {
        "ParameterNotFound",
        "ParameterVersionNotFound",
        "DoesNotExistException",
        "NoSuchBucket",
        "NoSuchResourceException",
        "InvalidInstanceType",
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Malformed",
        "InvalidAMIID.Unavailable",
        "InvalidInstanceID.NotFound",
        "InvalidInstanceID.Malformed",
        "InvalidSnapshot.NotFound",
        "InvalidVolume.NotFound",
        "InvalidCapacityReservationId.NotFound",
        "StackNotFoundException",
    }
)


@dataclass(frozen=True, slots=True)
class _Answer:
    operation: str
    code: str
    message: str

    @property
    def why(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


def _missing(answer: _Answer) -> DsEc2Error:
    return NoSuchThingError(f"AWS does not know it ({answer.operation})", why=answer.why, code=answer.code)


def _denied(answer: _Answer) -> DsEc2Error:
    denial = refused(answer.message)
    hint = mended([denial]) if denial else f"ask whoever runs the account to allow {answer.operation}"
    cause = f", {denial.cause.value}" if denial else ""
    action = denial.action if denial else answer.operation
    return DeniedError(f"AWS denies {action}{cause}", why=answer.message, hint=hint, action=action)


def _throttled(answer: _Answer) -> DsEc2Error:
    return DsEc2Error(
        f"AWS throttles {answer.operation}, after several tries",
        why=answer.why,
        hint="wait a minute, then try again",
    )


_KINDS: Final[tuple[tuple[frozenset[str], Callable[[_Answer], DsEc2Error]], ...]] = (
    (
        frozenset({"TargetNotConnected"}),
        lambda answer: TargetNotConnectedError(
            "Session Manager does not see the machine yet", why=answer.message
        ),
    ),
    (
        frozenset({"AlreadyExistsException", "ResourceAlreadyExistsException"}),
        lambda answer: AlreadyExistsError("it exists already", why=answer.message),
    ),
    (_MISSING, _missing),
    (
        _EXPIRED,
        lambda answer: CredentialsError(
            "the AWS credentials have expired", why=answer.message, hint=_SIGN_IN
        ),
    ),
    (
        _REFUSED,
        lambda answer: CredentialsError(
            "AWS does not accept these credentials", why=answer.why, hint=_SIGN_IN
        ),
    ),
    (_DENIED, _denied),
    (THROTTLED, _throttled),
    (
        frozenset({"OptInRequired"}),
        lambda answer: DsEc2Error(
            "the account or the region is not enabled", why=answer.message, hint="aws account list-regions"
        ),
    ),
)


def from_answer(error: ClientError) -> DsEc2Error:
    """Translate an error that AWS answered."""
    document: dict[str, Any] = dict(error.response.get("Error", {}))
    code, message = str(document.get("Code", "")), str(document.get("Message", ""))
    answer = _Answer(error.operation_name, code, message)
    if code == "ValidationError" and "does not exist" in message:
        return _missing(answer)
    for codes, build in _KINDS:
        if code in codes:
            return build(answer)
    meaning, hint = advice(f"{code} {message}")
    return DsEc2Error(meaning or f"AWS refused {answer.operation}", why=answer.why, hint=hint)


def from_client(error: BotoCoreError) -> DsEc2Error:
    """Translate an error that arose before AWS could answer."""
    from botocore import exceptions as known

    text = str(error)
    if isinstance(error, known.NoCredentialsError | known.PartialCredentialsError):
        return CredentialsError("no AWS credentials were found", why=text, hint=_SIGN_IN)
    if isinstance(
        error,
        known.UnauthorizedSSOTokenError
        | known.SSOTokenLoadError
        | known.TokenRetrievalError
        | known.CredentialRetrievalError,
    ):
        return CredentialsError("the AWS credentials have expired or cannot be read", why=text, hint=_SIGN_IN)
    if isinstance(error, known.ProfileNotFound):
        return DsEc2Error("there is no such profile", why=text, hint="aws configure list-profiles")
    if isinstance(error, known.NoRegionError | known.InvalidRegionError):
        return DsEc2Error(
            "no region is known", why=text, hint="aws configure set region us-east-1, or --region us-east-1"
        )
    if isinstance(error, known.HTTPClientError | known.ConnectionError):
        return _unreachable(error)
    return DsEc2Error("the AWS client failed", why=text)


def _unreachable(error: BotoCoreError) -> DsEc2Error:
    url = str(error.kwargs.get("endpoint_url", ""))
    host = urlsplit(url).hostname or ""
    if host in _LOOPBACK:
        return NotRunningError(
            "the embedded AWS has ended",
            why=f"nothing answers at {url}: it was stopped, or its process was killed",
            hint="ds-ec2 --local up (a new one is started; what the old one held is gone)",
        )
    return DsEc2Error(
        "AWS cannot be reached",
        why=f"{error} (no network, a proxy, or a region that does not exist)",
        hint=f"curl -sS https://{host}/" if host else "check the network",
    )
