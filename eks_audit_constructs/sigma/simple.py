"""Conditions joined and simplified: what takes several searches in Sigma is one comparison in a filter pattern."""

from __future__ import annotations

from collections.abc import Iterable

from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    EVERYTHING,
    And,
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    Operator,
    Or,
    Path,
    all_of,
    any_of,
)

__all__ = ["NEVER", "conjunction", "disjunction"]

NEVER = Or(())
"""Matches no event."""


def disjunction(terms: Iterable[Expression]) -> Expression:
    """Join conditions with `or`, leaving out those that never match."""
    parts = dict.fromkeys(terms)
    if EVERYTHING in parts:
        return EVERYTHING
    alive = [part for part in parts if part != NEVER]
    return any_of(alive) if alive else NEVER


def conjunction(terms: Iterable[Expression]) -> Expression:
    """Join conditions with `and`, leaving out tests of a field's existence that others imply.

    `exists & (x != 1 | not exists)` becomes `x != 1`, which a missing field does not meet either.
    """
    joined = all_of(terms)
    parts = dict.fromkeys(joined.terms if isinstance(joined, And) else (joined,))
    present = {path for part in parts if (path := _present(part)) is not None and ANY_ELEMENT not in path}
    parts = dict.fromkeys(_given(part, present) for part in parts)
    if NEVER in parts:
        return NEVER
    compared = {path for part in parts if not _is_exists(part) and (path := _present(part)) is not None}
    return all_of(part for part in parts if not (_is_exists(part) and _present(part) in compared))


def _given(part: Expression, present: set[Path]) -> Expression:
    """Simplify a part, given that these fields exist."""
    if isinstance(part, Or):
        return disjunction(term for term in part.terms if not (isinstance(term, NotExists) and term.path in present))
    return part


def _is_exists(part: Expression) -> bool:
    return isinstance(part, Comparison) and part.operator is Operator.EQ and part.value == "*"


def _present(part: Expression) -> Path | None:
    """Return the field that holds text, a number or a boolean in every event that meets the part."""
    if isinstance(part, Comparison) or (isinstance(part, Is) and part.constant is not Constant.NULL):
        return part.path
    return None
