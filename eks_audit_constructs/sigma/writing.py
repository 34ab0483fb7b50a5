"""Detections as Sigma rules.

Sigma's `not` matches events without the field. CloudWatch's `!=` does not, so it becomes `exists` and not equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import yaml

from eks_audit_constructs.audit_events import fields
from eks_audit_constructs.catalog.detection import Detection, Silence
from eks_audit_constructs.conditions.expression import (
    And,
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Operator,
    Or,
    Path,
    Regex,
    Term,
    has_wildcard,
    selector,
)
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.sigma.field_names import paths

__all__ = ["write"]

_IDS = uuid5(NAMESPACE_OID, "eks-audit-constructs")
_ORDER = {Operator.LT: "lt", Operator.LE: "lte", Operator.GT: "gt", Operator.GE: "gte"}


class UnsupportedInSigmaError(Exception):
    """Sigma cannot express a condition; the message is the reason."""


def write(detections: Iterable[Detection]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Write detections as a stream of Sigma rules; see `eks_audit_constructs.sigma.write`."""
    documents: list[dict[str, Any]] = []
    left_out: list[tuple[str, str]] = []
    for detection in detections:
        try:
            documents += _documents(detection)
        except UnsupportedInSigmaError as reason:
            left_out.append((detection.id, str(reason)))
    text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120, explicit_start=True)
    return (text if documents else ""), tuple(left_out)


def _documents(detection: Detection) -> list[dict[str, Any]]:
    counted = detection.counted
    if counted is None or isinstance(detection.condition, Silence):
        raise UnsupportedInSigmaError("a Sigma rule matches events, and this detection is about their absence")
    rule = {"logsource": {"product": "kubernetes", "service": "audit"}, "detection": search(counted)}
    if detection.threshold == 1:
        return [_described(detection, detection.id, detection.title, rule)]
    name = f"{detection.id}-event"
    correlation = {
        "type": "event_count",
        "rules": [name],
        "timespan": "1h" if detection.period == 60 else f"{detection.period}m",
        "condition": {"gte": detection.threshold},
    }
    return [
        _described(detection, name, f"{detection.title} - one event", rule),
        _described(detection, detection.id, detection.title, {"correlation": correlation}),
    ]


def _described(detection: Detection, name: str, title: str, body: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "title": title,
        "id": str(uuid5(_IDS, name)),
        "name": name,
        "status": "test",
        "description": f"{detection.what} {detection.why}".strip(),
        "author": "eks-audit-constructs",
        "tags": [f"attack.{technique.lower()}" for technique in detection.techniques],
        **body,
        "falsepositives": list(detection.false_positives),
        "level": detection.severity.value,
    }
    return {key: value for key, value in document.items() if value}


def search(condition: Expression) -> dict[str, Any]:
    """Return the `detection` of a rule: named searches, and the condition that joins them.

    Raises:
        UnsupportedInSigmaError: Sigma cannot express a part of the condition.
    """
    writer = _Writer()
    text = writer.render(condition)
    return {**writer.searches, "condition": text[1:-1] if text.startswith("(") else text}


@dataclass(frozen=True, slots=True)
class _Writer:
    """Collects searches while it renders conditions in terms of their names."""

    searches: dict[str, Any] = field(default_factory=dict)

    def render(self, condition: Expression) -> str:
        """Render a condition in terms of searches, in parentheses if it has several parts."""
        match condition:
            case And(terms) if terms:
                return self._all(terms)
            case Or(terms) if terms:
                return self._any(terms)
            case And() | Or():
                raise UnsupportedInSigmaError("a Sigma rule cannot match everything or nothing")
        return self._all((condition,))

    def _all(self, terms: tuple[Expression, ...]) -> str:
        wanted: dict[str, Any] = {}
        again: list[tuple[str, Any]] = []
        unwanted: dict[str, list[Any]] = {}
        nested: list[Expression] = []
        compared = {term.path for term in terms if isinstance(term, Comparison) and term.operator is not Operator.NE}
        for term in terms:
            negated = _negated(term)
            if negated is not None:
                key, value = _item(negated)
                unwanted.setdefault(key, []).append(value)
                if isinstance(negated, Term) or negated.path in compared or fields.shape(negated.path) in fields.ALWAYS:
                    continue
                term = Comparison(negated.path, Operator.EQ, "*")
            item = _alternatives(term) if isinstance(term, (And, Or)) else _item(term)
            if item is None:
                nested.append(term)
            elif item[0] not in wanted:
                wanted.update([item])
            elif repr(wanted[item[0]]) != repr(item[1]):  # True equals 1
                again.append(item)
        searched = [self._search(items) for items in ([wanted] if wanted else []) + [dict([item]) for item in again]]
        joined = [self.render(term) for term in nested]
        filtered = [f"not {self._search({key: values}, 'filter')}" for key, values in unwanted.items()]
        return _joined("and", [*searched, *joined, *filtered])

    def _any(self, terms: tuple[Expression, ...]) -> str:
        missing = {term.path for term in terms if isinstance(term, NotExists)}
        covered = {term.path for term in terms if isinstance(term, Comparison) and term.operator is Operator.NE}
        wanted: dict[str, list[Any]] = {}
        others: list[str] = []
        for term in terms:
            negated = _negated(term)
            if isinstance(term, NotExists) and term.path in covered:
                continue  # covered by `not`, which matches events without the field
            if negated is not None and (isinstance(negated, Term) or negated.path in missing):
                others.append(f"not {self._search(dict([_item(negated)]), 'filter')}")
            elif negated is not None or isinstance(term, (And, Or)):
                others.append(self.render(term))
            else:
                key, value = _item(term)
                wanted.setdefault(key, []).append(value)
        return _joined("or", [*(self._search({key: values}) for key, values in wanted.items()), *others])

    def _search(self, items: dict[str, Any], kind: str = "selection") -> str:
        count = sum(name.startswith(kind) for name in self.searches) + 1
        name = kind if count == 1 else f"{kind}_{count}"
        self.searches[name] = {key: _unwrapped(value) for key, value in items.items()}
        return name


def _joined(word: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({f' {word} '.join(parts)})"


def _unwrapped(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _alternatives(term: And | Or) -> tuple[str, list[Any]] | None:
    """Return the field that all terms compare and its alternative values, or None."""
    if isinstance(term, And) or any(isinstance(part, (And, Or)) or _negated(part) is not None for part in term.terms):
        return None
    items = [_item(part) for part in term.terms]
    return (items[0][0], [value for _, value in items]) if len({key for key, _ in items}) == 1 else None


def _negated(term: Expression) -> Comparison | Term | None:
    """Return the condition that a negative one negates."""
    match term:
        case Comparison(path, Operator.NE, value):
            if has_wildcard(path):
                raise UnsupportedInSigmaError(
                    f"Sigma cannot express that some element of {selector(path)} is different"
                )
            return Comparison(path, Operator.EQ, value)
        case Term(text, True):
            return Term(text)
    return None


def _item(leaf: Expression) -> tuple[str, Any]:
    """Return a positive condition as a search key, with its modifiers, and a value."""
    match leaf:
        case Comparison(path, Operator.EQ, "*"):
            return f"{_name(path)}|exists", True
        case NotExists(path):
            return f"{_name(path)}|exists", False
        case Comparison(path, Operator.EQ, Regex(source)):
            return f"{_name(path)}|re", source
        case Comparison(path, Operator.EQ, str() as text):
            return f"{_name(path)}|cased" if fields.any_case(path) else _name(path), _escaped(text)
        case Comparison(path, _, NumberGlob(text)):
            raise UnsupportedInSigmaError(f"Sigma has no wildcard for numbers, as in {selector(path)} = {text}")
        case Comparison(path, Operator.EQ, value):
            return _name(path), value
        case Comparison(path, operator, value):
            return f"{_name(path)}|{_ORDER[operator]}", value
        case Is(path, constant) if constant is not Constant.NULL:
            return _name(path), constant is Constant.TRUE
        case Is(path):
            raise UnsupportedInSigmaError(f"Sigma does not distinguish null from a missing field, in {selector(path)}")
        case Term(Regex(source)):
            return "|re", source
        case Term(str() as text):
            if "*" in text:
                raise UnsupportedInSigmaError(f"a keyword with a star, {text!r}, would be a wildcard in Sigma")
            return "|cased", _escaped(text)
    raise TypeError(f"{leaf!r} is not a condition")


def _escaped(text: str) -> str:
    return re.sub(r"[\\?]", r"\\\g<0>", text)


def _name(path: Path) -> str:
    """Return the name that rules use for a field, as in `annotations.authorization.k8s.io/decision`."""
    dotted = "".join(f".{key}" if isinstance(key, str) else selector((key,)) for key in path)
    for name in (dotted.removeprefix("."), selector(path)):
        try:
            if "|" not in name and paths(name, name) == (path,):  # it is read back as this field
                return name
        except AuditConfigurationError:
            continue
    raise UnsupportedInSigmaError(f"no rule for Kubernetes audit logs can name the field {selector(path)}")
