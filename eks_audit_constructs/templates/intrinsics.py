"""Resolve CloudFormation's intrinsic functions as far as a template alone allows.

Values that only a deployment knows stay in the text as `${LogicalId}`, `${LogicalId.Attribute}` or `${AWS::Region}`.
Equal intrinsics resolve to equal text, so an alarm can be matched to its metric filter.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Resolver"]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAMED_BY_REF = {"AWS::Logs::LogGroup": "LogGroupName", "AWS::CloudWatch::Alarm": "AlarmName"}
"""Resource types whose `Ref` is the name they are given, and the property that holds it."""


class Resolver:
    """Resolves the values of a template, using the defaults of its parameters.

    Args:
        template: The whole template.
        parent: The resolver of the parent, for a nested stack.
        passed: The parameters that the parent passes, as they are in its template.
    """

    def __init__(
        self, template: Mapping[str, Any], *, parent: Resolver | None = None, passed: Mapping[str, Any] | None = None
    ) -> None:
        self._parent, self._passed = parent, passed or {}
        self._parameters = _section(template, "Parameters")
        self._mappings = _section(template, "Mappings")
        self._conditions = _section(template, "Conditions")
        self._resources = _section(template, "Resources")
        self._open: set[str] = set()

    def nested(self, logical_id: str, template: Mapping[str, Any]) -> Resolver:
        """Return the resolver of a nested stack, which gets the parameters that this template passes."""
        passed = _section(_section(self._resources.get(logical_id) or {}, "Properties"), "Parameters")
        return Resolver(template, parent=self, passed=passed)

    def value(self, value: Any) -> Any:
        """Return the value with each intrinsic resolved or turned into text; `AWS::NoValue` becomes None."""
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item in items if item is not None]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument)
            if isinstance(name, str) and name.startswith("Fn::"):
                return _symbol({name: self.value(argument)})
        return {key: self.value(item) for key, item in value.items()}

    def text(self, value: Any) -> str | None:
        """Return the value as text; None if there is none."""
        resolved = self.value(value)
        if resolved is None or isinstance(resolved, str):
            return resolved
        return _scalar(resolved)

    def holds(self, name: str) -> bool | None:
        """Return whether a condition of the template holds; None if only a deployment knows."""
        if name not in self._conditions or name in self._open:
            return None
        self._open.add(name)
        try:
            return self._truth(self._conditions[name])
        finally:
            self._open.discard(name)

    def _truth(self, condition: Any) -> bool | None:
        if not isinstance(condition, Mapping) or len(condition) != 1:
            return None
        name, argument = next(iter(condition.items()))
        if name == "Condition":
            return self.holds(str(argument))
        if not isinstance(argument, list):
            return None
        if name == "Fn::Equals" and len(argument) == 2:
            left, right = (self.text(side) or "" for side in argument)
            return left == right if left == right or not (_is_open(left) or _is_open(right)) else None
        truths = [self._truth(term) for term in argument]
        if name == "Fn::Not" and len(truths) == 1:
            return None if truths[0] is None else not truths[0]
        if name in ("Fn::And", "Fn::Or"):
            deciding = name == "Fn::Or"
            return deciding if deciding in truths else (None if None in truths else not deciding)
        return None

    def _ref(self, name: Any) -> Any:
        if name == "AWS::NoValue":
            return None
        parameter = self._parameters.get(name) if isinstance(name, str) else None
        if self._parent is not None and name in self._passed:
            return self._parent.value(self._passed[name])
        if isinstance(parameter, Mapping) and "Default" in parameter:
            default, kind = parameter["Default"], str(parameter.get("Type", ""))
            is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
            return [part.strip() for part in str(default).split(",")] if is_list else default
        resource = self._resources.get(name) if isinstance(name, str) else None
        if isinstance(resource, Mapping) and name not in self._open:
            named_by = _NAMED_BY_REF.get(str(resource.get("Type")))
            given = _section(resource, "Properties").get(named_by) if named_by else None
            if given is not None:
                self._open.add(name)
                try:
                    return self.text(given)
                finally:
                    self._open.discard(name)
        return f"${{{name}}}"

    def _get_att(self, argument: Any) -> str:
        parts = argument if isinstance(argument, list) else [argument]
        return f"${{{'.'.join(str(self.text(part)) for part in parts)}}}"

    def _sub(self, argument: Any) -> Any:
        text, variables = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(variables, Mapping):
            return _symbol({"Fn::Sub": argument})

        def replace(found: re.Match[str]) -> str:
            name = found[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return str(self.text(variables[name]))
            return self._get_att(name) if "." in name else _scalar(self._ref(name))

        return _VARIABLE.sub(replace, text)

    def _join(self, argument: Any) -> str:
        if isinstance(argument, list) and len(argument) == 2:
            parts = self.value(argument[1])
            if isinstance(parts, list):
                return str(argument[0]).join(_scalar(part) for part in parts)
        return _symbol({"Fn::Join": self.value(argument)})

    def _select(self, argument: Any) -> Any:
        if isinstance(argument, list) and len(argument) == 2:
            index, choices = self.text(argument[0]), self.value(argument[1])
            if isinstance(choices, list) and index is not None and index.isdigit() and int(index) < len(choices):
                return choices[int(index)]
        return _symbol({"Fn::Select": self.value(argument)})

    def _split(self, argument: Any) -> Any:
        if isinstance(argument, list) and len(argument) == 2:
            text = self.text(argument[1])
            if text is not None and not _is_open(text):
                return text.split(str(argument[0]))
        return _symbol({"Fn::Split": self.value(argument)})

    def _find_in_map(self, argument: Any) -> Any:
        found: Any = self._mappings
        for key in self.value(argument[:3]) if isinstance(argument, list) else [None]:
            found = found.get(key) if isinstance(found, Mapping) else None
        return _symbol({"Fn::FindInMap": self.value(argument)}) if found is None else found

    def _if(self, argument: Any) -> Any:
        if isinstance(argument, list) and len(argument) == 3:
            holds = self.holds(str(argument[0]))
            if holds is not None:
                return self.value(argument[1] if holds else argument[2])
        return _symbol({"Fn::If": self.value(argument)})


_FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Ref": Resolver._ref,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::Join": Resolver._join,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::If": Resolver._if,
}


def _section(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = of.get(name)
    return section if isinstance(section, Mapping) else {}


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _symbol(intrinsic: Any) -> str:
    return f"${{{_scalar(intrinsic)}}}"


def _is_open(text: str) -> bool:
    return "${" in text
