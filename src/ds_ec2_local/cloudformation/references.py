"""Who refers to whom: what a template's expressions name, the order that follows, and what is unresolved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation.errors import ValidationError

if TYPE_CHECKING:
    from ds_ec2_local.cloudformation.template import Definition, Template

PSEUDO: Final = frozenset(
    {
        "AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region",
        "AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
    }
)  # fmt: skip
SUBSTITUTION: Final = re.compile(r"\$\{(!?)\s*([^{}\s]*)\s*\}")
"""`${Name}`, `${Name.Attribute}`, `${!literal}` in the text of Fn::Sub."""

Taken = Callable[[str], bool] | None


@dataclass(frozen=True, slots=True)
class Reference:
    """One mention of a parameter, a pseudo-parameter or a resource.

    Args:
        name: What is mentioned.
        attribute: Of Fn::GetAtt; None for Ref.
    """

    name: str
    attribute: str | None = None


def function(value: Any) -> tuple[str, Any] | None:
    """Return name and argument where `value` is a function call, else None."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(name, argument)] = value.items()
        if name in {"Ref", "Condition"} or str(name).startswith("Fn::"):
            return str(name), argument
    return None


def references(value: Any, taken: Taken = None) -> Iterator[Reference]:
    """Yield what an expression mentions.

    Args:
        value: The expression.
        taken: Tells whether a condition holds; then only the branch of Fn::If that is taken counts.
    """
    call = function(value)
    if call is None:
        members = value.values() if isinstance(value, Mapping) else value
        if isinstance(value, Mapping | list | tuple):
            for member in members:
                yield from references(member, taken)
        return
    name, argument = call
    if name == "Ref":
        yield Reference(str(argument))
    elif name == "Fn::GetAtt":
        yield from _of_get_att(argument)
    elif name == "Fn::Sub":
        yield from _of_sub(argument, taken)
    elif name == "Fn::If" and taken is not None and isinstance(argument, list) and len(argument) == 3:
        yield from references(argument[1 if taken(str(argument[0])) else 2], taken)
    elif name != "Condition":
        yield from references(argument, taken)


def _of_get_att(argument: Any) -> Iterator[Reference]:
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
        raise ValidationError(
            "Template error: every Fn::GetAtt object requires two non-empty parameters,"
            " the resource name and the resource attribute"
        )
    yield Reference(argument[0], str(argument[1]) if isinstance(argument[1], str) else "")
    yield from references(argument[1])


def _of_sub(argument: Any, taken: Taken) -> Iterator[Reference]:
    text, names = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    if not isinstance(text, str) or not isinstance(names, Mapping):
        raise ValidationError(
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments."
            " Specify a string as first argument, and an optional second argument to specify a mapping"
            " of values to replace in the string"
        )
    for literal, name in SUBSTITUTION.findall(text):
        if not literal and name not in names:
            target, _, attribute = name.partition(".")
            yield Reference(target, attribute or None)
    yield from references(dict(names), taken)


def check(template: Template, taken: Callable[[str], bool]) -> None:
    """Refuse a template that mentions what does not exist, or whose resources wait for each other.

    Args:
        template: The template.
        taken: Tells whether a condition holds.

    Raises:
        ValidationError: With CloudFormation's text.
    """
    known = _known(template, taken)
    parameters = PSEUDO | template.section("Parameters").keys()

    def missing(expression: Any) -> set[str]:
        found = references(expression, taken)
        return {r.name for r in found if r.name not in known and (r.attribute or r.name not in parameters)}

    unresolved = {name for entry in known.values() for name in missing(entry.properties)}
    unresolved |= {d for entry in known.values() for d in entry.depends_on if d not in template.resources}
    _refuse(unresolved, "Resources")
    outputs = template.section("Outputs").values()
    made = [entry for entry in outputs if not entry.get("Condition") or taken(entry["Condition"])]
    _refuse({name for entry in made for name in missing(entry.get("Value"))}, "Outputs")
    if cycle := circle(dependencies(template, taken)):
        raise ValidationError(f"Circular dependency between resources: [{', '.join(cycle)}]")


def _refuse(unresolved: set[str], block: str) -> None:
    if unresolved:
        raise ValidationError(
            f"Template format error: Unresolved resource dependencies [{', '.join(sorted(unresolved))}]"
            f" in the {block} block of the template"
        )


def _known(template: Template, taken: Callable[[str], bool]) -> dict[str, Definition]:
    entries = template.resources.items()
    return {name: entry for name, entry in entries if not entry.condition or taken(entry.condition)}


def dependencies(template: Template, taken: Callable[[str], bool]) -> dict[str, frozenset[str]]:
    """Return, for every resource whose condition holds, the resources that it comes after."""
    known = _known(template, taken)
    return {
        name: frozenset(
            {found.name for found in references(entry.properties, taken)} | set(entry.depends_on)
        ).intersection(known)
        for name, entry in known.items()
    }


def circle(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the nodes that cannot be ordered, sorted; empty where all can."""
    left = dict(graph)
    while ready := [name for name, before in left.items() if not before & left.keys()]:
        for name in ready:
            del left[name]
    # What only comes after a circle is not part of it.
    while loose := [name for name in left if not any(name in before for before in left.values())]:
        for name in loose:
            del left[name]
    return sorted(left)


def in_order(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the nodes so that each comes after those it depends on."""
    left = dict(graph)
    order: list[str] = []
    while ready := [name for name, before in left.items() if not before & left.keys()]:
        order.extend(ready)
        for name in ready:
            del left[name]
    return order
