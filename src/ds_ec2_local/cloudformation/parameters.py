"""A template's parameters: given, defaulted or kept from before; checked; turned into values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ds_ec2_local.cloudformation.template import Template

LARGEST_VALUE: Final = 4_096
"""Bytes of a parameter's value. Source: CloudFormation quotas."""
HIDDEN: Final = "****"
"""What stands for the value of a NoEcho parameter."""
_SSM: Final = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LIST: Final = re.compile(r"List<(.+)>")
_PLAIN: Final = frozenset({"String", "Number", "CommaDelimitedList", "AWS::SSM::Parameter::Name"})
RESOURCE_TYPES: Final = frozenset(
    {
        "AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id",
        "AWS::EC2::KeyPair::KeyName", "AWS::EC2::SecurityGroup::GroupName", "AWS::EC2::SecurityGroup::Id",
        "AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id",
    }
)  # fmt: skip
"""Types whose values must exist in the account. Source: CloudFormation's user guide, parameter types."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a stack.

    Args:
        name: Its name.
        type: As declared.
        text: The value as given.
        resolved: For a parameter in SSM, what the store holds; None for the others.
        hidden: NoEcho.
    """

    name: str
    type: str
    text: str
    resolved: str | None = None
    hidden: bool = False

    @property
    def value(self) -> Any:
        """Return what `Ref` gives: text, or a list for a list type."""
        text = self.text if self.resolved is None else self.resolved
        inner = inner_type(self.type)
        if inner == "CommaDelimitedList" or _LIST.fullmatch(inner):
            return [part.strip() for part in text.split(",")] if text else []
        return text

    @property
    def items(self) -> list[str]:
        """Return the value's parts, one for a type that is no list."""
        value = self.value
        return value if isinstance(value, list) else [value]

    @property
    def resource_type(self) -> str | None:
        """Return the type of resource that the value names and that must exist, or None."""
        inner = inner_type(self.type)
        match = _LIST.fullmatch(inner)
        name = match[1] if match else inner
        return name if name in RESOURCE_TYPES else None


def inner_type(declared: str) -> str:
    """Return the type of the value: what stands in the angle brackets of an SSM type."""
    match = _SSM.fullmatch(declared)
    return match[1] if match else declared


def check_declarations(template: Template) -> None:
    """Refuse declarations that are not in good form."""
    for name, declared in template.section("Parameters").items():
        where = f"Template format error: Parameter {name}"
        kind = declared.get("Type") if hasattr(declared, "get") else None
        if kind is None:
            raise ValidationError(f"{where} Every Parameters object must contain a Type member.")
        inner = inner_type(str(kind))
        match = _LIST.fullmatch(inner)
        if not (
            inner in _PLAIN | RESOURCE_TYPES or (match and match[1] in {"String", "Number"} | RESOURCE_TYPES)
        ):
            raise ValidationError(f"{where}: Unrecognized parameter type: {kind}")
        default = declared.get("Default")
        if default is not None and len(text_of(default).encode()) > LARGEST_VALUE:
            raise ValidationError(f"{where}: default value length is greater than {LARGEST_VALUE}.")


def text_of(value: Any) -> str:
    """Return a default as text; templates write numbers and booleans too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(text_of, value))
    return str(value)


def bind(
    template: Template,
    given: Iterable[Mapping[str, Any]],
    before: Mapping[str, Parameter],
    fetch: Callable[[list[str]], Mapping[str, str]],
) -> dict[str, Parameter]:
    """Return the parameters of a stack, checked.

    Args:
        template: The template that declares them.
        given: `ParameterKey`, and `ParameterValue` or `UsePreviousValue`.
        before: The stack's parameters until now.
        fetch: Reads names from Parameter Store; those that it does not hold are left out.

    Raises:
        ValidationError: With CloudFormation's text.
    """
    declared = template.section("Parameters")
    texts = _texts(declared, given, before)
    for name, text in texts.items():
        _check_size(name, text)
    bound: dict[str, Parameter] = {}
    in_store = [name for name in declared if _SSM.fullmatch(str(declared[name]["Type"]))]
    found = fetch([texts[name] for name in in_store]) if in_store else {}
    if missing := [texts[name] for name in in_store if texts[name] not in found]:
        raise ValidationError(
            f"Unable to fetch parameters [{','.join(missing)}] from parameter store for this account."
        )
    for name, rule in declared.items():
        hidden = str(rule.get("NoEcho", "")).lower() == "true"
        resolved = found[texts[name]] if name in in_store else None
        bound[name] = Parameter(name, str(rule["Type"]), texts[name], resolved, hidden)
        check_value(bound[name], rule)
    return bound


def _texts(
    declared: Mapping[str, Any], given: Iterable[Mapping[str, Any]], before: Mapping[str, Parameter]
) -> dict[str, str]:
    texts = {name: text_of(rule["Default"]) for name, rule in declared.items() if "Default" in rule}
    unknown = []
    for entry in given:
        name = entry.get("ParameterKey", "")
        if name not in declared:
            unknown.append(name)
        elif entry.get("UsePreviousValue"):
            if name not in before:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true"
                    " for a parameter key not in the previous template"
                )
            texts[name] = before[name].text
        else:
            texts[name] = entry.get("ParameterValue", "")
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(sorted(unknown))}] do not exist in the template")
    if missing := [name for name in declared if name not in texts]:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    return texts


def _check_size(name: str, text: str) -> None:
    if len(text.encode()) > LARGEST_VALUE:
        raise ValidationError(
            f"1 validation error detected: Value of parameter '{name}' at 'parameters' failed to satisfy"
            f" constraint: Member must have length less than or equal to {LARGEST_VALUE}"
        )


def check_value(parameter: Parameter, rule: Mapping[str, Any]) -> None:
    """Refuse a value that its declaration does not allow."""
    inner = inner_type(parameter.type)
    numeric = inner in {"Number", "List<Number>"}
    for item in (
        parameter.items if inner.startswith(("List<", "CommaDelimitedList")) else [str(parameter.value)]
    ):
        fault = _choice_fault(item, rule) or (_number_fault if numeric else _text_fault)(item, rule)
        if fault:
            described = rule.get("ConstraintDescription")
            if described and fault != "must be a number":
                fault = f"failed to satisfy constraint: {described}"
            raise ValidationError(f"Parameter '{parameter.name}' {fault}")


def _choice_fault(item: str, rule: Mapping[str, Any]) -> str | None:
    allowed = rule.get("AllowedValues")
    if allowed is None or item in {text_of(value) for value in allowed}:
        return None
    return "must be one of AllowedValues"


def _number_fault(item: str, rule: Mapping[str, Any]) -> str | None:
    try:
        number = float(item)
    except ValueError:
        return "must be a number"
    if "MinValue" in rule and number < float(rule["MinValue"]):
        return f"must be a number not less than {rule['MinValue']}"
    if "MaxValue" in rule and number > float(rule["MaxValue"]):
        return f"must be a number not greater than {rule['MaxValue']}"
    return None


def _text_fault(item: str, rule: Mapping[str, Any]) -> str | None:
    if "MinLength" in rule and len(item) < int(rule["MinLength"]):
        return f"must contain at least {rule['MinLength']} characters"
    if "MaxLength" in rule and len(item) > int(rule["MaxLength"]):
        return f"must contain at most {rule['MaxLength']} characters"
    if "AllowedPattern" in rule and not re.fullmatch(str(rule["AllowedPattern"]), item):
        return f"must match pattern {rule['AllowedPattern']}"
    return None
