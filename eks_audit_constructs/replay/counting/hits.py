"""Questions as columns of a statement: whether an event matches, asked as cheaply as a database can.

The terms of all questions are columns of their own, so that each is asked once of an event, whatever number of
questions has it: over whole columns a database is faster than it finds out what it may skip. Only what searches a text
or an array is dear enough to be asked just where the rest of its question holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial

from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    Or,
    Regex,
    Term,
)
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.predicate import is_prefix, predicate
from eks_audit_constructs.replay.counting.values import Values

__all__ = ["Hits", "is_textual"]

_DEAR = 4
"""The work from which on a term is dear; to ask for a certain text is 1."""


class Hits:
    """Whether events match some questions, as columns.

    Attributes:
        questions: The questions.
        names: The columns that tell whether an event matches, NULL being no: one for each question.
        values: The paths of the numbers that questions ask for; of the first one, the column is `v0`.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = questions
        self.names = [f"q{number}" for number in range(len(questions))]
        self.values = list(dict.fromkeys(question.value for question in questions if question.value is not None))
        self._uses = Counter[Expression](leaf for question in questions for leaf in _leaves(question.condition))

    def columns(self, values: Values) -> tuple[str, str, str]:
        """The columns of three SELECTs, each from the one before it; the last one has all that is promised.

        Each column follows a comma.

        Raises:
            UnsayableError: SQL cannot say a condition.
        """
        terms: dict[Expression, str] = {}
        parts: dict[str, str] = {}
        say = cache(partial(predicate, values=values))

        def sql(condition: Expression, *, alone: bool) -> str:
            """A condition over the columns of the terms, of which those that no other question has may stand in it."""
            if isinstance(condition, And | Or) and condition.terms:
                word = " and " if isinstance(condition, And) else " or "
                return f"({word.join(sql(term, alone=alone) for term in condition.terms)})"
            if isinstance(condition, And | Or) or self._is_dear(condition) or (alone and self._uses[condition] == 1):
                return say(condition)
            return terms.setdefault(condition, f"t{len(terms)}")

        told = ""
        for name, question in zip(self.names, self.questions, strict=True):
            every = question.condition.terms if isinstance(question.condition, And) else (question.condition,)
            dear = tuple(term for term in every if self._is_dear(term))
            quick = tuple(term for term in every if not self._is_dear(term))
            hit = parts.setdefault(sql(And(quick), alone=False), f"k{len(parts)}")
            if dear:
                hit = f"case when {hit} then {sql(And(dear), alone=True)} end"
            told += f", {hit} as {name}"
        for number, path in enumerate(self.values):
            value = values.number(path)
            told += f", case when isfinite({value}) then {value} end as v{number}"
        return _columns((say(term), name) for term, name in terms.items()), _columns(parts.items()), told

    def _is_dear(self, term: Expression) -> bool:
        """Whether asking it where the rest of a question holds is less work than asking it of every event."""
        return sum(_work(leaf) // self._uses[leaf] for leaf in _leaves(term)) >= _DEAR


def is_textual(condition: Expression) -> bool:
    """Whether a condition asks for the text of a line, and for nothing else."""
    leaves = list(_leaves(condition))
    return bool(leaves) and all(isinstance(leaf, Term) for leaf in leaves)


def _leaves(condition: Expression) -> Iterator[Comparison | Is | NotExists | Term]:
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _leaves(term)
    else:
        assert isinstance(condition, Comparison | Is | NotExists | Term)
        yield condition


def _work(leaf: Comparison | Is | NotExists | Term) -> int:
    """How dear it is, roughly as it was measured: of use is only what is far dearer than the rest."""
    if isinstance(leaf, Term) or ANY_ELEMENT in leaf.path:
        return 1000
    wanted = leaf.value if isinstance(leaf, Comparison) else None
    if isinstance(wanted, Regex) or (isinstance(wanted, str) and "*" in wanted.rstrip("*")):
        return 16
    return 4 if isinstance(wanted, str) and is_prefix(wanted) else 1


def _columns(named: Iterable[tuple[str, str]]) -> str:
    return "".join(f", {expression} as {name}" for expression, name in named)
