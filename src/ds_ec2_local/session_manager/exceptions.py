"""Errors of the session API, named as SSM names them."""


class SessionApiError(Exception):
    """An error answer; `code` is SSM's name for it.

    Source: botocore's service model of ssm, 2014-11-06.
    """

    code = "InternalServerError"


class TargetNotConnected(SessionApiError):  # noqa: N818 - SSM's own name
    """The agent of the target is not connected."""

    code = "TargetNotConnected"

    def __init__(self, target: str) -> None:
        super().__init__(f"{target} is not connected.")


class InvalidDocument(SessionApiError):  # noqa: N818 - SSM's own name
    """There is no such session document."""

    code = "InvalidDocument"


class ValidationException(SessionApiError):  # noqa: N818 - SSM's own name
    """A parameter is missing, unknown or does not fit."""

    code = "ValidationException"


class DoesNotExistException(SessionApiError):  # noqa: N818 - SSM's own name
    """There is no such session."""

    code = "DoesNotExistException"


class InvalidFilterKey(SessionApiError):  # noqa: N818 - SSM's own name
    """A filter of DescribeSessions is unknown."""

    code = "InvalidFilterKey"


class InvalidNextToken(SessionApiError):  # noqa: N818 - SSM's own name
    """A page of DescribeSessions that there is not."""

    code = "InvalidNextToken"
