"""EC2's refusals in clear words: some have them encoded, and STS decodes them for those who may ask it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.aws.errors import DeniedError
from ds_ec2.errors import DsEc2Error
from ds_ec2.policy.statements import refused

if TYPE_CHECKING:
    from collections.abc import Callable

_ENCODED: Final = re.compile(r"\s*Encoded authorization failure message: ?(\S+)")


def decoder(decode: Callable[[str], str]) -> Callable[..., None]:
    """Return a hook for botocore's `after-call`, which runs before the answer becomes an exception.

    Args:
        decode: Asks STS for the document behind a message.
    """

    def hook(parsed: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error", {})
        if "Encoded authorization failure message" in error.get("Message", ""):
            error["Message"] = clear(error["Message"], decode)

    return hook


def clear(message: str, decode: Callable[[str], str]) -> str:
    """Return a refusal without its encoded part, in the words of those that name their action."""
    short = _ENCODED.sub("", message)
    found = _ENCODED.search(message)
    if found is None or refused(short):
        return short
    try:
        document = json.loads(decode(found[1]))
        context = document["context"]
        reason = (
            "with an explicit deny" if document.get("explicitDeny") else "because no policy allows the action"
        )
        return (
            f"{short} User: {context['principal']['arn']} is not authorized to perform: {context['action']}"
            f" on resource: {context['resource']} {reason}"
        )
    except DeniedError:
        return f"{short} (what it needs is encoded; sts:DecodeAuthorizationMessage is not allowed either)"
    except (DsEc2Error, ValueError, KeyError, TypeError):
        return short
