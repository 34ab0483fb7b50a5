"""Conditions joined and made shorter: what Sigma says in several searches, a filter pattern says in one comparison."""

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
    """Any of the conditions, those that never match left out."""
    parts = dict.fromkeys(terms)
    if EVERYTHING in parts:
        return EVERYTHING
    alive = [part for part in parts if part != NEVER]
    return any_of(alive) if alive else NEVER


def conjunction(terms: Iterable[Expression]) -> Expression:
    """All of the conditions. Where one says that a field exists, none beside it says so again.

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
    """The part where these fields are known to exist."""
    if isinstance(part, Or):
        return disjunction(term for term in part.terms if not (isinstance(term, NotExists) and term.path in present))
    return part


def _is_exists(part: Expression) -> bool:
    return isinstance(part, Comparison) and part.operator is Operator.EQ and part.value == "*"


def _present(part: Expression) -> Path | None:
    """The field that holds a text, a number or a boolean wherever the part is met."""
    if isinstance(part, Comparison) or (isinstance(part, Is) and part.constant is not Constant.NULL):
        return part.path
    return None
