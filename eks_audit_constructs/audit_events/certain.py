"""What is certain of a condition when little is known about the fields of an event.

A kind of event is described by what is known about its fields. That an event of the kind meets a condition is then
true, false, or open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from eks_audit_constructs.audit_events.fields import NUMBERS, shape
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import (
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    Operator,
    Or,
    Path,
    has_wildcard,
    leaves,
)

__all__ = ["Among", "Events", "Outside", "both", "contradictory", "holds", "one_of", "paths"]


@dataclass(frozen=True, slots=True)
class Among:
    """The field has one of these values; `MISSING` may be one."""

    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """The field has none of these values; `*` matches any text."""

    globs: tuple[str | int, ...]


Events: TypeAlias = Mapping[str, Among | Outside]
"""A kind of event: what is known about its fields. Nothing is known about those it does not name."""


def one_of(*values: object) -> Among:
    return Among(values)


def both(one: Events, other: Events) -> Events | None:
    """Return the events that are of both kinds; None if the kinds exclude each other."""
    known = {**one, **other}
    for name in one.keys() & other.keys():
        first, second = one[name], other[name]
        if isinstance(first, Outside) and isinstance(second, Outside):
            known[name] = Outside(first.globs + second.globs)
            continue
        if isinstance(first, Outside):
            first, second = second, first
        assert isinstance(first, Among)
        values = tuple(value for value in first.values if _allows(second, value))
        if not values:
            return None
        known[name] = Among(values)
    return known


def contradictory(condition: Expression) -> bool:
    """Return whether some field would need two values at once: `verb` both get and list, or a code over 500 and 404."""
    terms = condition.terms if isinstance(condition, And) else (condition,)
    about: dict[Path, list[Expression]] = {}
    for term in terms:
        for path in paths(term):
            about.setdefault(path, []).append(term)
    return any(
        len(parts) > 1
        and (values := _values(path, parts))
        and all(_truth(And(tuple(parts)), partial(_given, path, value)) is False for value in values)
        for path, parts in about.items()
        if not has_wildcard(path)
    )


def _values(path: Path, terms: Iterable[Expression]) -> list[object]:
    """Return values of which one meets the terms, if any does; none if that is not known."""
    for term in terms:
        options = term.terms if isinstance(term, Or) else (term,)
        equal = [option for option in options if isinstance(option, Comparison) and option.operator is Operator.EQ]
        if len(equal) == len(options) and all(
            option.path == path and not (isinstance(option.value, str) and "*" in option.value) for option in equal
        ):
            found = [option.value for option in equal if isinstance(option.value, (str, int, float))]
            return list(found) if len(found) == len(equal) else []
    values = [leaf.value for term in terms for leaf in leaves(term) if isinstance(leaf, Comparison)]
    if shape(path) in NUMBERS and all(isinstance(value, (int, float)) for value in values):
        whole = sorted(int(value) for value in values if isinstance(value, (int, float)) and abs(value) < 10_000)
        return [MISSING, *(near for value in whole for near in (value - 1, value, value + 1))]
    return []


def _given(path: Path, value: object, leaf: Comparison | Is | NotExists) -> bool | None:
    return _answer(leaf, value) if leaf.path == path else None


def paths(condition: Expression) -> set[Path]:
    return {leaf.path for leaf in leaves(condition) if isinstance(leaf, (Comparison, Is, NotExists))}


def holds(condition: Expression, events: Events) -> bool | None:
    """Return True if all events of the kind meet the condition, False if none do, and None if that is open."""
    return _truth(condition, partial(_among, events))


def _truth(condition: Expression, answer: Callable[[Comparison | Is | NotExists], bool | None]) -> bool | None:
    """Combine what is known of the comparisons; None is open."""
    match condition:
        case And(terms):
            truths = {_truth(term, answer) for term in terms}
            return False if False in truths else None if None in truths else True
        case Or(terms):
            truths = {_truth(term, answer) for term in terms}
            return True if True in truths else None if None in truths else False
        case Comparison() | Is() | NotExists():
            return answer(condition)
    return None


def _among(events: Events, leaf: Comparison | Is | NotExists) -> bool | None:
    known = _known(leaf.path, events)
    if isinstance(known, Among):
        answers = {_answer(leaf, value) for value in known.values}
        return answers.pop() if len(answers) == 1 else None
    if isinstance(known, Outside) and isinstance(leaf, Comparison):
        excluded = leaf.operator is Operator.EQ and not _allows(known, leaf.value)
        return False if excluded else None
    return None


def _known(path: Path, events: Events) -> Among | Outside | None:
    name = shape(path)
    if name in events:
        return events[name]
    missing = any(name.startswith(f"{parent}.") and known == one_of(MISSING) for parent, known in events.items())
    return one_of(MISSING) if missing else None


def _answer(condition: Comparison | Is | NotExists, value: object) -> bool:
    """Evaluate the condition on a field with this value."""
    flat: Expression
    match condition:
        case Comparison():
            flat = Comparison(("it",), condition.operator, condition.value)
        case Is():
            flat = Is(("it",), condition.constant)
        case NotExists():
            flat = NotExists(("it",))
    return predicate(flat)(b"", {} if value is MISSING else {"it": value})


def _allows(known: Among | Outside, value: object) -> bool:
    if isinstance(known, Among):
        return value in known.values
    return not any(glob == value or (isinstance(glob, str) and _matches(glob, value)) for glob in known.globs)


def _matches(glob: str, value: object) -> bool:
    pattern = ".*".join(map(re.escape, glob.split("*")))
    return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None
