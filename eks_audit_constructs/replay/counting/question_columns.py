"""Questions as columns of a statement: whether an event matches, asked as cheaply as a database can.

The terms of all questions are columns of their own, so that each is asked once of an event, whatever number of
questions has it: over whole columns a database is faster than it finds out what it may skip. Only what searches a text
or an array is expensive enough to be asked only where the rest of its question holds.
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
from eks_audit_constructs.conditions.sql import condition, is_prefix
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.field_columns import FieldColumns

__all__ = ["QuestionColumns", "is_textual"]

_EXPENSIVE = 4
"""The work from which on a term is expensive; to ask for a certain text is 1."""


class QuestionColumns:
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

    def columns(self, fields: FieldColumns) -> tuple[str, str, str]:
        """The columns of three SELECTs, each from the one before it: terms, what questions share, and the answers.

        Each column is preceded by a comma. For two questions, whether a request deleted a pod or a Secret, they are

            , x0::varchar = '"delete"' as t0, x1::varchar = '"pods"' as t1, x1::varchar = '"secrets"' as t2
            , (t0 and t1) as k0, (t0 and t2) as k1
            , k0 as q0, k1 as q1

        Raises:
            UnsupportedInSqlError: SQL cannot say a condition.
        """
        terms: dict[Expression, str] = {}
        shared: dict[str, str] = {}
        say = cache(partial(condition, fields=fields))

        def sql(part: Expression, *, alone: bool) -> str:
            """A condition over the columns of the terms, of which those that no other question has may stand in it."""
            if isinstance(part, And | Or) and part.terms:
                word = " and " if isinstance(part, And) else " or "
                return f"({word.join(sql(term, alone=alone) for term in part.terms)})"
            inline = self._is_expensive(part) or (alone and self._uses[part] == 1)
            return say(part) if inline or isinstance(part, And | Or) else terms.setdefault(part, f"t{len(terms)}")

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
        return _columns((say(term), name) for term, name in terms.items()), _columns(shared.items()), answers

    def _is_expensive(self, term: Expression) -> bool:
        """Whether asking it where the rest of a question holds is less work than asking it of every event."""
        return sum(_work(leaf) // self._uses[leaf] for leaf in _leaves(term)) >= _EXPENSIVE


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
    """How expensive it is, roughly as measured: what matters is only what is far more expensive than the rest."""
    if isinstance(leaf, Term) or ANY_ELEMENT in leaf.path:
        return 1000
    wanted = leaf.value if isinstance(leaf, Comparison) else None
    if isinstance(wanted, Regex) or (isinstance(wanted, str) and "*" in wanted.rstrip("*")):
        return 16
    return 4 if isinstance(wanted, str) and is_prefix(wanted) else 1


def _columns(named: Iterable[tuple[str, str]]) -> str:
    return "".join(f", {expression} as {name}" for expression, name in named)
