"""Compute the answers to questions as columns of a statement, as cheaply as the database can.

Each term is a column, so that it is evaluated once per event, no matter how many questions use it: over whole columns,
evaluating everything is faster than deciding what to skip. Only searches in text or arrays are expensive enough to be
evaluated only where the rest of the question holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, partial

from eks_audit_constructs.conditions.expression import (
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Or,
    Regex,
    Term,
    has_wildcard,
    leaves,
)
from eks_audit_constructs.conditions.sql import DUCKDB, Fields, UnsupportedInSqlError, condition, is_prefix
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.field_columns import FieldColumns

__all__ = ["QuestionColumns", "is_in_sql", "is_textual"]

_EXPENSIVE = 4
"""The cost from which a term is expensive; comparing with a fixed text costs 1."""


class QuestionColumns:
    """The answers to questions, as columns.

    Attributes:
        questions: The questions.
        names: For each question, the column with whether an event matches; NULL means no.
        values: The paths of the numbers that questions ask for; the column of the first is `v0`.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = questions
        self.names = [f"q{number}" for number in range(len(questions))]
        self.values = list(dict.fromkeys(question.value for question in questions if question.value is not None))
        self._uses = Counter[Expression](leaf for question in questions for leaf in leaves(question.condition))

    def columns(self, fields: FieldColumns) -> tuple[str, str, str]:
        """Return the columns of three nested SELECTs: terms, the parts that questions share, and the answers.

        Each column is preceded by a comma. For two questions, that a pod or a Secret is deleted, they are

            , x0::varchar = '"delete"' as t0, x1::varchar = '"pods"' as t1, x1::varchar = '"secrets"' as t2
            , (t0 and t1) as k0, (t0 and t2) as k1
            , k0 as q0, k1 as q1

        Raises:
            UnsupportedInSqlError: SQL cannot express a condition.
        """
        terms: dict[Expression, str] = {}
        shared: dict[str, str] = {}
        render = cache(partial(condition, fields=fields))

        def sql(part: Expression, *, alone: bool) -> str:
            """Render a condition over the columns of terms; if `alone`, terms that occur only here go inline."""
            if isinstance(part, And | Or) and part.terms:
                word = " and " if isinstance(part, And) else " or "
                return f"({word.join(sql(term, alone=alone) for term in part.terms)})"
            inline = self._is_expensive(part) or (alone and self._uses[part] == 1)
            return render(part) if inline or isinstance(part, And | Or) else terms.setdefault(part, f"t{len(terms)}")

        answers = ""
        for name, question in zip(self.names, self.questions, strict=True):
            parts = question.condition.terms if isinstance(question.condition, And) else (question.condition,)
            expensive = tuple(term for term in parts if self._is_expensive(term))
            quick = tuple(term for term in parts if not self._is_expensive(term))
            match = shared.setdefault(sql(And(quick), alone=False), f"k{len(shared)}")
            if expensive:
                match = f"case when {match} then {sql(And(expensive), alone=True)} end"
            answers += f", {match} as {name}"
        for number, path in enumerate(self.values):
            value = fields.number(path)
            answers += f", case when isfinite({value}) then {value} end as v{number}"
        return _columns((render(term), name) for term, name in terms.items()), _columns(shared.items()), answers

    def _is_expensive(self, term: Expression) -> bool:
        """Return whether to evaluate a term only where the rest of its question holds, rather than for every event."""
        return sum(_work(leaf) // self._uses[leaf] for leaf in leaves(term)) >= _EXPENSIVE


def is_in_sql(question: Question) -> bool:
    """Return whether SQL can express a question."""
    try:
        condition(question.condition, Fields(DUCKDB, line="message", document="event"))
        DUCKDB.path(question.value or ())
    except UnsupportedInSqlError:
        return False
    return True


def is_textual(condition: Expression) -> bool:
    """Return whether a condition uses only the text of a line."""
    found = list(leaves(condition))
    return bool(found) and all(isinstance(leaf, Term) for leaf in found)


def _work(leaf: Comparison | Is | NotExists | Term) -> int:
    """Estimate the cost of a term from rough measurements; only the large differences matter."""
    if isinstance(leaf, Term) or has_wildcard(leaf.path):
        return 1000
    wanted = leaf.value if isinstance(leaf, Comparison) else None
    if isinstance(wanted, Regex | NumberGlob) or (isinstance(wanted, str) and "*" in wanted.rstrip("*")):
        return 16
    return 4 if isinstance(wanted, str) and is_prefix(wanted) else 1


def _columns(named: Iterable[tuple[str, str]]) -> str:
    return "".join(f", {expression} as {name}" for expression, name in named)
