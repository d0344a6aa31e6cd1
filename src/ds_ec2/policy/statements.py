"""What an administrator can paste, or has to look at, so that an action is allowed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from ds_ec2.model.permissions import Cause, Denial

if TYPE_CHECKING:
    from collections.abc import Iterable

_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)(?: on resource: (\S+))?")

# Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_WORDS: Final = (
    ("in a service control policy", Cause.ORGANIZATION),
    ("no service control policy", Cause.ORGANIZATION),
    ("resource control policy", Cause.ORGANIZATION),
    ("permissions boundary", Cause.BOUNDARY),
    ("with an explicit deny", Cause.STATEMENT),
)


def refused(text: str) -> Denial | None:
    """Return what a refusal in AWS's words names; None where it names no action."""
    match = _ACTION.search(text)
    if not match:
        return None
    cause = next((cause for words, cause in _WORDS if words in text), Cause.MISSING)
    return Denial(match[1], "", cause, (match[2] or "*").rstrip(".,"))


def mended(denials: Iterable[Denial]) -> str:
    """Return what lifts these refusals, a line for each cause: a statement to add, or what has to go."""
    found = list(denials)
    parts = []
    for cause, words in (
        (Cause.MISSING, "allow in IAM"),
        (Cause.BOUNDARY, "allow in the permissions boundary"),
        (Cause.STATEMENT, "an allow does not help: take it out of the Deny"),
        (Cause.ORGANIZATION, "an administrator of the organisation has to lift it in its policies"),
    ):
        some = [one for one in found if one.cause is cause]
        if not some:
            continue
        if cause in {Cause.MISSING, Cause.BOUNDARY}:
            parts.append(f"{words}: {_statement(some)}")
        else:
            sources = sorted({one.source for one in some} - {""})
            where = f" of {', '.join(sources)}" if sources else ""
            parts.append(f"{words}{where}: {', '.join(dict.fromkeys(one.action for one in some))}")
    return "\n".join(parts)


def _statement(denials: list[Denial]) -> str:
    """Return one statement for all: as small as it can be pasted."""
    actions = list(dict.fromkeys(one.action for one in denials))
    resources = sorted({one.resource for one in denials})
    return json.dumps(
        {
            "Effect": "Allow",
            "Action": actions[0] if len(actions) == 1 else actions,
            "Resource": resources[0] if len(resources) == 1 else "*" if "*" in resources else resources,
        }
    )
