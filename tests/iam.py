"""What IAM decides: an evaluator of policy statements, as the documentation describes them.

It knows what policies here use. Anything else is an error, not a guess.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

__all__ = ["Context", "Decision", "decide"]

Context = Mapping[str, "str | bool | Sequence[str]"]
"""Condition keys of a request with their values."""

_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"}


class Decision(Enum):
    """What statements make of a request."""

    ALLOWED = "a statement allows it, and none denies it"
    DENIED = "a statement denies it"
    NOT_ALLOWED = "no statement is about it"


def decide(
    statements: Iterable[Mapping[str, Any]],
    action: str,
    resource: str,
    context: Context | None = None,
    *,
    principal: tuple[str, str] | None = None,
) -> Decision:
    """Decide about one request.

    Args:
        statements: Statements with plain values, without intrinsic functions.
        action: The action, such as `eks:UpdateClusterConfig`.
        resource: The ARN of what it is about.
        context: Condition keys of the request.
        principal: For policies of a resource, who asks, such as `("Service", "cloudwatch.amazonaws.com")`.
    """
    keys = {name.lower(): value for name, value in (context or {}).items()}
    # All are read, so that none that is not understood goes unnoticed.
    effects = {one["Effect"] for one in [*statements] if _applies(one, action, resource, keys, principal)}
    if not effects <= {"Allow", "Deny"}:
        raise ValueError(f"unknown effects: {effects}")
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if effects else Decision.NOT_ALLOWED


def _applies(
    statement: Mapping[str, Any],
    action: str,
    resource: str,
    context: Context,
    principal: tuple[str, str] | None,
) -> bool:
    if unknown := statement.keys() - _ELEMENTS:
        raise ValueError(f"unknown elements: {unknown}")
    if ("Principal" in statement) != (principal is not None):
        raise ValueError("policies of a resource have principals, those of an identity have none")
    conditions = [
        _condition(operator, key.lower(), _listed(wanted), context)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    ]
    return (
        _element(statement, "Action", lambda pattern: _like(pattern.lower(), action.lower()))
        and ("Principal" in statement or _element(statement, "Resource", lambda pattern: _arn_like(pattern, resource)))
        and (principal is None or _is_for(statement["Principal"], principal))
        and all(conditions)
    )


def _element(statement: Mapping[str, Any], name: str, matches: Callable[[str], bool]) -> bool:
    """Whether the statement is about a value, by `Action` or `NotAction` and so on."""
    [present] = {name, f"Not{name}"} & statement.keys()
    return any(matches(pattern) for pattern in _listed(statement[present])) is (present == name)


def _is_for(principals: Any, principal: tuple[str, str]) -> bool:
    kind, name = principal
    if principals == "*":
        return True
    if not principals.keys() <= {"AWS", "Service", "Federated"}:
        raise ValueError(f"unknown principals: {principals}")
    named = _listed(principals.get(kind, []))
    return name in named or (kind == "AWS" and "*" in named)


# Conditions. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html


def _condition(operator: str, key: str, wanted: list[str], context: Context) -> bool:
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    values = _listed(context[key]) if key in context else None
    if name == "Null":
        return any((values is None) is (one == "true") for one in wanted)
    negated = "Not" in name
    matches = _OPERATORS[name.replace("Not", "")]

    def holds(value: str) -> bool:
        return any(matches(pattern, value) for pattern in wanted) is not negated

    if quantifier == "ForAllValues":
        return all(holds(value) for value in values or ())
    if quantifier not in ("", "ForAnyValue"):
        raise ValueError(f"unknown quantifier: {quantifier}")
    if values is None:
        return rest.endswith("IfExists") or (negated and not quantifier)
    if not quantifier and len(values) != 1:
        raise ValueError(f"{key} has several values, and {operator} compares one")
    return any(holds(value) for value in values)


def _like(pattern: str, value: str) -> bool:
    """`*` and `?`, in any part of the value."""
    if "${" in pattern:
        raise ValueError(f"policy variables are not known here: {pattern}")
    expression = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """The six parts of an ARN are compared one by one; wildcards stay within their part."""
    if pattern == "*":
        return True
    parts = zip(pattern.split(":", 5), value.split(":", 5), strict=True)
    return all(_like(part, of_value) for part, of_value in parts)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
    "StringEquals": lambda wanted, value: wanted == value,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.lower() == value.lower(),
    "StringLike": _like,
}


def _listed(value: Any) -> list[str]:
    """One value or several, as texts."""
    values = [value] if isinstance(value, str | bool) else [*value]
    return [str(one).lower() if isinstance(one, bool) else one for one in values]
