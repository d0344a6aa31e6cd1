"""A stack's outputs and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2_local.cloudformation.errors import TemplateError
from ds_ec2_local.cloudformation.parameters import text_of
from ds_ec2_local.cloudformation.state import Output

if TYPE_CHECKING:
    from ds_ec2_local.cloudformation.intrinsics import Evaluator
    from ds_ec2_local.cloudformation.state import Stack, Store
    from ds_ec2_local.cloudformation.template import Template


def evaluate(template: Template, evaluator: Evaluator) -> tuple[Output, ...]:
    """Return the outputs whose condition holds.

    Raises:
        TemplateError: A value is not text, or cannot be evaluated.
    """
    found = []
    for key, entry in template.section("Outputs").items():
        if entry.get("Condition") and not evaluator.holds(entry["Condition"]):
            continue
        value = evaluator.value(entry.get("Value"))
        if not isinstance(value, str | int | float | bool):
            raise TemplateError(
                f"Template format error: Output {key} is malformed. The Value field of every Outputs member"
                " must evaluate to a String."
            )
        export = evaluator.value((entry.get("Export") or {}).get("Name"))
        found.append(Output(key, text_of(value), entry.get("Description"), export))
    return tuple(found)


def check_exports(store: Store, stack: Stack, new: tuple[Output, ...]) -> None:
    """Refuse an export that another stack has, and the loss or change of one in use.

    Raises:
        TemplateError: With CloudFormation's text.
    """
    wanted = {output.export: output.value for output in new if output.export}
    for owner, output in store.exports(stack.caller):
        if owner is not stack and output.export in wanted:
            raise TemplateError(
                f"Export with name {output.export} is already exported by stack {owner.name}."
            )
    for output in stack.outputs:
        if not output.export or wanted.get(output.export) == output.value:
            continue
        users = [user.name for user in store.importers(stack.caller, output.export) if user is not stack]
        if users:
            verb = "updated" if output.export in wanted else "deleted"
            raise TemplateError(
                f"Export {output.export} cannot be {verb} as it is in use by {', '.join(sorted(users))}"
            )
