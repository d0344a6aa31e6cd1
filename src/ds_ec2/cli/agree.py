"""Shows a plan and asks: what every command does that makes or removes something."""

from __future__ import annotations

from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Consent:
    """How much asking there is to be.

    Args:
        dry_run: Show the plan as the result, and end.
        yes: Do not ask.
        as_json: The dry run's result is read by a program.
    """

    dry_run: bool
    yes: bool
    as_json: bool


def agreed(plan: object, text: str, consent: Consent, *, question: str, hint: str) -> bool:
    """Show the plan and return whether to go on; False after a dry run.

    Args:
        plan: The frozen plan, for JSON.
        text: The plan for a person.
        consent: Whether to ask at all.
        question: `Make it?`.
        hint: The command that does not ask.

    Raises:
        click.Abort: The answer is no.
    """
    from ds_ec2.console import output
    from ds_ec2.console.prompt import confirm

    if consent.dry_run:
        output.show(plan, text, as_json=consent.as_json)
        return False
    output.say(text)
    if not consent.yes and not confirm(question, hint=hint):
        raise click.Abort
    return True
