"""The functions of a template: Ref, Fn::Sub, Fn::If and their kin, evaluated against a scope."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol

from ds_ec2_local.cloudformation.errors import TemplateError
from ds_ec2_local.cloudformation.references import SUBSTITUTION, function

if TYPE_CHECKING:
    from ds_ec2_local.cloudformation.template import Template

UNKNOWN: Final = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Stands for a value that exists only after the change. Source: contexts of DescribeChangeSet."""


class Absent:
    """The type of what AWS::NoValue stands for."""


ABSENT: Final = Absent()


class Scope(Protocol):
    """Where names get their values."""

    def ref(self, name: str) -> Any:
        """Return what `Ref` of a parameter, a pseudo-parameter or a resource stands for."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return what `Fn::GetAtt` stands for."""

    def exported(self, name: str) -> str:
        """Return the value of another stack's export."""

    def zones(self, region: str) -> list[str]:
        """Return the names of a region's availability zones."""

    def dynamic(self, text: str) -> str:
        """Return `text` with its `{{resolve:...}}` references replaced."""


class Evaluator:
    """Evaluates a template's expressions; conditions are evaluated once."""

    def __init__(self, template: Template, scope: Scope) -> None:
        self._template = template
        self._scope = scope
        self._conditions: dict[str, bool] = {}
        self._functions: Final[dict[str, Callable[[Any], Any]]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::Equals": self._equals,
            "Fn::And": lambda a: all(list(map(self._truth, a))),
            "Fn::Or": lambda a: any(list(map(self._truth, a))),
            "Fn::Not": lambda a: not self._truth(self._arguments("Fn::Not", a, 1)[0]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda a: base64.b64encode(self._text(self.value(a)).encode()).decode(),
            "Fn::Cidr": self._cidr,
            "Fn::GetAZs": lambda a: self._scope.zones(self.value(a) or self._scope.ref("AWS::Region")),
            "Fn::ImportValue": lambda a: self._scope.exported(self._text(self.value(a))),
        }

    def holds(self, condition: str) -> bool:
        """Tell whether a condition of the template holds."""
        if condition not in self._conditions:
            conditions = self._template.section("Conditions")
            if condition not in conditions:
                raise TemplateError(
                    f"Template format error: Unresolved condition dependency {condition}"
                    " in the Resources block of the template"
                )
            self._conditions[condition] = False  # a condition that names itself ends here
            self._conditions[condition] = self._truth(conditions[condition])
        return self._conditions[condition]

    def value(self, expression: Any) -> Any:
        """Return what an expression stands for; ABSENT members are left out.

        Raises:
            TemplateError: A function cannot be evaluated.
        """
        call = function(expression)
        if call is not None:
            name, argument = call
            if name not in self._functions:
                raise TemplateError(f"Template format error: Unsupported function {name} in the embedded AWS")
            return self._functions[name](argument)
        if isinstance(expression, Mapping):
            pairs = ((key, self.value(member)) for key, member in expression.items())
            return {key: member for key, member in pairs if member is not ABSENT}
        if isinstance(expression, list):
            return [item for item in map(self.value, expression) if item is not ABSENT]
        if isinstance(expression, str) and "{{resolve:" in expression:
            return self._scope.dynamic(expression)
        return expression

    def _truth(self, expression: Any) -> bool:
        found = self.value(expression)
        if not isinstance(found, bool):
            raise TemplateError("Template error: every condition must be a boolean function")
        return found

    def _arguments(self, name: str, argument: Any, count: int) -> list[Any]:
        if not isinstance(argument, list) or len(argument) != count:
            raise TemplateError(f"Template error: every {name} object requires {count} arguments in a list")
        return argument

    @staticmethod
    def _text(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Mapping | list):
            return json.dumps(value)
        return str(value)

    def _ref(self, name: Any) -> Any:
        return ABSENT if name == "AWS::NoValue" else self._scope.ref(str(name))

    def _condition(self, name: Any) -> bool:
        return self.holds(str(name))

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        return self._scope.attribute(str(parts[0]), self._text(self.value(parts[1])))

    def _sub(self, argument: Any) -> str:
        text, names = (argument, {}) if isinstance(argument, str) else self._arguments("Fn::Sub", argument, 2)
        own = {name: self.value(value) for name, value in names.items()}

        def replace(literal: str, name: str) -> str:
            if literal:
                return "${" + name + "}"
            if name in own:
                return self._text(own[name])
            target, _, attribute = name.partition(".")
            found = self._scope.attribute(target, attribute) if attribute else self._ref(name)
            return "" if found is ABSENT else self._text(found)

        return SUBSTITUTION.sub(lambda match: replace(match[1], match[2]), text)

    def _join(self, argument: Any) -> str:
        separator, items = self._arguments("Fn::Join", argument, 2)
        values = self.value(items)
        if isinstance(values, str) and values == UNKNOWN:
            return UNKNOWN
        if not isinstance(values, list):
            raise TemplateError(
                "Template error: every Fn::Join object requires two parameters, (1) a string delimiter"
                " and (2) a list of strings to be joined or a function that returns a list of strings"
            )
        return str(separator).join(self._text(item) for item in values)

    def _split(self, argument: Any) -> list[str]:
        separator, text = self._arguments("Fn::Split", argument, 2)
        return self._text(self.value(text)).split(str(separator))

    def _select(self, argument: Any) -> Any:
        index, items = (self.value(part) for part in self._arguments("Fn::Select", argument, 2))
        if items == UNKNOWN or (isinstance(items, list) and UNKNOWN in items and len(items) == 1):
            return UNKNOWN
        try:
            return items[int(index)] if int(index) >= 0 else items[len(items)]
        except (IndexError, ValueError, TypeError):
            raise TemplateError(
                f"Template error: Fn::Select cannot select nonexistent value at index {index}"
            ) from None

    def _if(self, argument: Any) -> Any:
        condition, yes, no = self._arguments("Fn::If", argument, 3)
        return self.value(yes if self.holds(str(condition)) else no)

    def _equals(self, argument: Any) -> bool:
        left, right = (self.value(side) for side in self._arguments("Fn::Equals", argument, 2))
        return self._text(left) == self._text(right)

    def _find_in_map(self, argument: Any) -> Any:
        keys = [self._text(self.value(part)) for part in self._arguments("Fn::FindInMap", argument, 3)]
        found: Any = self._template.section("Mappings")
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
            if found is None:
                raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(keys)}")
        return found

    def _cidr(self, argument: Any) -> list[str]:
        if not isinstance(argument, list) or len(argument) not in {2, 3}:
            raise TemplateError("Template error: every Fn::Cidr object requires two or three arguments")
        block, count, *rest = (self.value(part) for part in argument)
        if block == UNKNOWN:
            return [UNKNOWN] * int(count)
        try:
            network = ipaddress.ip_network(block)
            prefix = network.max_prefixlen - int(rest[0] if rest else 8)
            found = [str(part) for part in islice(network.subnets(new_prefix=prefix), int(count))]
        except ValueError as error:
            raise TemplateError(f"Template error: Fn::Cidr cannot divide {block}: {error}") from error
        if len(found) < int(count):
            raise TemplateError(f"Template error: Fn::Cidr cannot make {count} blocks of {block}")
        return found
