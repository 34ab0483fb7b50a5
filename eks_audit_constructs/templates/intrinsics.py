"""Resolve CloudFormation's intrinsic functions as far as a template and the given values allow.

What only a deployment knows stays in the text as `${LogicalId}`, `${LogicalId.Attribute}` or `${AWS::Region}`, of the
type `Open`. Equal intrinsics resolve to equal text, so an alarm can be matched to its metric filter.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from eks_audit_constructs.templates.deployment import Deployment, Open, needs_of, of_region
from eks_audit_constructs.templates.functions import FUNCTIONS, scalar, symbol, unknown
from eks_audit_constructs.templates.loops import PREFIX, expand

__all__ = ["Resolver"]

_Truth: TypeAlias = "bool | frozenset[str]"
"""Whether a condition holds, or what it needs for that to be known."""

_DYNAMIC = re.compile(r"\{\{resolve:[^}]*\}\}")
_NAMED_BY_REF = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::MetricFilter": "FilterName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::EKS::Cluster": "Name",
    "AWS::SSM::Parameter": "Name",
}
"""Resource types whose `Ref` is the name they are given, and the property that holds it."""
_ATTRIBUTES = {("AWS::SSM::Parameter", "Value"): "Value"}
"""Attributes that a property holds."""


class Resolver:
    """Resolves the values of a template, using the defaults of its parameters.

    Args:
        template: The whole template.
        deployment: The values that are given.
        pseudo: The pseudo parameters that the cloud assembly tells.
        parent: The resolver of the parent, for a nested stack.
        passed: The parameters that the parent passes, as they are in its template.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        deployment: Deployment | None = None,
        *,
        pseudo: Mapping[str, str] | None = None,
        parent: Resolver | None = None,
        passed: Mapping[str, Any] | None = None,
    ) -> None:
        self._deployment = deployment or Deployment()
        self._pseudo = dict(pseudo or {})
        self._parent, self._passed = parent, passed or {}
        self._parameters = _section(template, "Parameters")
        self._mappings = _section(template, "Mappings")
        self._open: set[str] = set()
        self._truths: dict[str, _Truth] = {}
        self.nested: dict[str, Resolver] = {}
        """The resolvers of the nested stacks whose templates are known, by logical id."""
        self.others: list[Resolver] = []
        """The resolvers of all templates of the deployment, for imports."""
        self.skipped: dict[str, str] = {}
        """The loops that could not be expanded, and why."""
        self._conditions: Mapping[str, Any] = {}
        self._resources: Mapping[str, Any] = {}
        self._deployment.declare(self._parameters)
        self._conditions = expand(_section(template, "Conditions"), self.value)
        self._outputs = expand(_section(template, "Outputs"), self.value)
        self._resources = self.resources = expand(_section(template, "Resources"), self.value, self.skipped)

    def nest(self, logical_id: str, template: Mapping[str, Any]) -> Resolver:
        """Return the resolver of a nested stack, which gets the parameters that this template passes."""
        passed = _section(_section(self._resources, logical_id), "Properties").get("Parameters")
        child = Resolver(
            template,
            self._deployment,
            pseudo={name: value for name, value in self._pseudo.items() if not name.startswith("AWS::Stack")},
            parent=self,
            passed=passed if isinstance(passed, Mapping) else None,
        )
        self.nested[logical_id] = child
        return child

    @property
    def is_nested(self) -> bool:
        """Whether this is the resolver of a nested stack."""
        return self._parent is not None

    def value(self, value: Any) -> Any:
        """Return the value with each intrinsic resolved or turned into text; `AWS::NoValue` becomes None."""
        if isinstance(value, str):
            return value if isinstance(value, Open) else self.joined([value])
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item in items if item is not None]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            function = _FUNCTIONS.get(name) if isinstance(name, str) else None
            if function is not None:
                return function(self, argument)
            if isinstance(name, str) and name.startswith("Fn::") and not name.startswith(PREFIX):
                return unknown(name, self.value(argument))
        if any(str(name).startswith(PREFIX) for name in value):
            value = expand(value, self.value)
        return {name: self.value(item) for name, item in value.items()}

    def text(self, value: Any) -> str | None:
        """Return the value as text; None if there is none."""
        return None if (resolved := self.value(value)) is None else scalar(resolved)

    def holds(self, name: str) -> _Truth:
        """Return whether a condition of the template holds, or what it needs."""
        if name not in self._conditions or name in self._open:
            return frozenset({f"the condition {name}"})
        if name not in self._truths:
            self._open.add(name)
            try:
                self._truths[name] = self._truth(self._conditions[name], name)
            finally:
                self._open.discard(name)
        return self._truths[name]

    def output(self, name: str) -> Any:
        """Return the value of an output; None if there is no such output."""
        value = _section(self._outputs, name).get("Value")
        return None if value is None else self._once(f"Outputs.{name}", lambda: self.value(value))

    def _truth(self, condition: Any, of: str) -> _Truth:
        unknown = frozenset({f"the condition {of}"})
        if not isinstance(condition, Mapping) or len(condition) != 1:
            return unknown
        name, argument = next(iter(condition.items()))
        if name == "Condition":
            return self.holds(str(argument))
        if not isinstance(argument, list):
            return unknown
        if name == "Fn::Equals" and len(argument) == 2:
            left, right = (self.text(side) or "" for side in argument)
            return left == right or needs_of([left, right]) or False
        truths = [self._truth(term, of) for term in argument]
        if name == "Fn::Not" and len(truths) == 1:
            return not truths[0] if isinstance(truths[0], bool) else truths[0]
        if name in ("Fn::And", "Fn::Or"):
            deciding = name == "Fn::Or"
            needed = [truth for truth in truths if isinstance(truth, frozenset)]
            return deciding if deciding in truths else frozenset().union(*needed) if needed else not deciding
        return unknown

    def ref(self, name: Any) -> Any:
        """Return the value of a `Ref`; None for `AWS::NoValue`."""
        if not isinstance(name, str):
            return unknown("Ref", name)
        if name == "AWS::NoValue":
            return None
        if name.startswith("AWS::"):
            return self._pseudo_parameter(name)
        if name in self._parameters:
            return self._parameter(name, _section(self._parameters, name))
        resource = _section(self._resources, name)
        given = _section(resource, "Properties").get(_NAMED_BY_REF.get(str(resource.get("Type")), ""))
        found = None if given is None else self._once(name, lambda: self.text(given))
        return self._deployment.value(name) if found is None else found

    def _pseudo_parameter(self, name: str) -> str:
        given = self._deployment.given(name)
        if given is not None:
            return given
        if name in self._pseudo:
            return self._pseudo[name]
        region = self._deployment.given("AWS::Region") or self._pseudo.get("AWS::Region")
        derived = None if region is None else of_region(name, region)
        return self._deployment.value(name) if derived is None else derived

    def _parameter(self, name: str, parameter: Mapping[str, Any]) -> Any:
        kind = str(parameter.get("Type", ""))
        value: Any = parameter.get("Default")
        if self._parent is not None and name in self._passed:
            parent, passed = self._parent, self._passed[name]
            value = self._once(f"Parameters.{name}", lambda: parent.value(passed))
        if (given := self._deployment.given(name)) is not None and name not in self._passed:
            value = given
        elif value is None or kind.startswith("AWS::SSM::Parameter::Value"):  # its value is a key, not the value
            return self._deployment.value(name)
        if kind != "CommaDelimitedList" and "List<" not in kind:
            return self.value(value)
        if isinstance(value, Open | list):
            return value
        return [self.value(part.strip()) for part in str(value).split(",")]

    def attribute(self, argument: Any) -> Any:
        """Return the value of a `Fn::GetAtt`."""
        parts = argument if isinstance(argument, list) else [argument]
        name = ".".join(scalar(self.value(part)) for part in parts)
        logical_id, _, attribute = name.partition(".")
        child = self.nested.get(logical_id) if attribute.startswith("Outputs.") else None
        if child is not None and (found := child.output(attribute.removeprefix("Outputs."))) is not None:
            return found
        resource = _section(self._resources, logical_id)
        held = _ATTRIBUTES.get((str(resource.get("Type")), attribute))
        given = _section(resource, "Properties").get(held) if held else None
        found = None if given is None else self._once(name, lambda: self.text(given))
        return self._deployment.value(name) if found is None else found

    def _find_in_map(self, argument: Any) -> Any:
        keys = self.value(argument[:3]) if isinstance(argument, list) else []
        found: Any = self._mappings
        for key in keys:
            found = found.get(scalar(key)) if isinstance(found, Mapping) else None
        if found is not None and len(keys) == 3:
            return self.value(found)
        if needs_of(keys):
            return unknown("Fn::FindInMap", keys)
        default = argument[3] if isinstance(argument, list) and len(argument) == 4 else None
        if isinstance(default, Mapping) and "DefaultValue" in default:
            return self.value(default["DefaultValue"])
        return Open(symbol("Fn::FindInMap", keys), {f"the entry {scalar(keys)} of its mappings"})

    def _if(self, argument: Any) -> Any:
        if isinstance(argument, list) and len(argument) == 3:
            name, yes, no = argument
            holds = self.holds(str(name))
            if isinstance(holds, bool):
                return self.value(yes if holds else no)
            sides = [self.value(yes), self.value(no)]
            if sides[0] == sides[1]:
                return sides[0]
            return Open(symbol("Fn::If", [name, *sides]), holds)
        return unknown("Fn::If", self.value(argument))

    def _import(self, argument: Any) -> Any:
        name = self.text(argument) or ""
        found = {} if isinstance(name, Open) else self._once(f"import {name}", lambda: self._exported(name)) or {}
        if len(found) == 1:
            return next(iter(found.values()))
        return (
            unknown("Fn::ImportValue", name)
            if needs_of(name)
            else self._deployment.value(name, symbol("Fn::ImportValue", name))
        )

    def _exported(self, name: str) -> dict[str, Any]:
        """Return the values that the templates of the deployment export under a name, by their text."""
        found = {}
        for other in self.others:
            if other._pseudo.get("AWS::Region", "") != self._pseudo.get("AWS::Region", ""):
                continue
            for id, output in other._outputs.items():
                exported = _section(_section({"": output}, ""), "Export").get("Name")
                if exported is not None and other.text(exported) == name:
                    value = other.output(id)
                    found[scalar(value)] = value
        return found

    def joined(self, pieces: list[str]) -> str:
        """Return pieces of text as one, with its dynamic references such as `{{resolve:ssm:/name}}` replaced."""
        needs, text = set(needs_of(list(pieces))), "".join(pieces)
        if "{{resolve:" in text:

            def replaced(found: re.Match[str]) -> str:
                value = self._deployment.value(found[0], found[0])
                needs.update(needs_of(value))
                return value

            text = _DYNAMIC.sub(replaced, text)
        return Open(text, needs) if needs else text

    def _once(self, name: str, resolve: Callable[[], Any]) -> Any:
        """Resolve what may refer to itself; then it is None."""
        if name in self._open:
            return None
        self._open.add(name)
        try:
            return resolve()
        finally:
            self._open.discard(name)


_FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Ref": Resolver.ref,
    "Fn::GetAtt": Resolver.attribute,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::If": Resolver._if,
    "Fn::ImportValue": Resolver._import,
    **FUNCTIONS,
}


def _section(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = of.get(name)
    return section if isinstance(section, Mapping) else {}
