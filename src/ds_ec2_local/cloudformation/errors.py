"""What can go wrong: errors of the API, and failures of a resource while a stack is at work."""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """An error that the API answers; the class says its code."""

    code: ClassVar[str] = "InternalFailure"
    status: ClassVar[int] = 500


class ValidationError(ServiceError):
    """A request, a template or a state that does not allow what is asked for."""

    code = "ValidationError"
    status = 400


class AlreadyExistsError(ServiceError):
    """A live stack or change set has this name."""

    code = "AlreadyExistsException"
    status = 400


class InsufficientCapabilitiesError(ServiceError):
    """The template makes IAM resources, and the request does not acknowledge it."""

    code = "InsufficientCapabilitiesException"
    status = 400


class ChangeSetNotFoundError(ServiceError):
    """No such change set."""

    code = "ChangeSetNotFound"
    status = 404


class InvalidChangeSetStatusError(ServiceError):
    """The change set cannot be executed, or cannot be deleted now."""

    code = "InvalidChangeSetStatus"
    status = 400


class UnknownActionError(ServiceError):
    """The API has no such action, or this engine does not answer it."""

    code = "InvalidAction"
    status = 400


class TemplateError(ValidationError):
    """A function of the template cannot be evaluated."""


class ResourceFailure(Exception):  # noqa: N818 - it is what CloudFormation calls it, and not always an error of ours
    """A resource could not be made, changed or deleted; the text is the event's reason."""


class Refused(ResourceFailure):
    """A change that is refused before anything was touched, so that there is nothing to take back."""


class ResourceCancelled(ResourceFailure):
    """Another resource failed meanwhile."""


class ReplacementNeeded(Exception):  # noqa: N818 - a handler's answer, not an error
    """An update that turns out to need a new physical resource."""
