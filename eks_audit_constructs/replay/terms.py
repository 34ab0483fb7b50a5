"""Questions taken apart into their terms: each term is asked once of an event, whatever number of questions has it.

Events of which all terms hold alike match the same questions. So a database needs to group the events by their terms
only, and the questions are answered for the groups, of which there are few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

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
from eks_audit_constructs.replay.counts import Question
from eks_audit_constructs.replay.predicate import predicate
from eks_audit_constructs.replay.values import Values

__all__ = ["Terms", "Test", "is_textual"]

Test: TypeAlias = Callable[[int], bool]
"""Whether a question matches: called with the terms that hold, the first one as bit 0."""


class Terms:
    """The terms of some questions: parts of their conditions that are asked as one.

    A term is dear when it searches a text or an array. It is looked at only where the quick terms beside it hold.

    Attributes:
        conditions: The conditions of the questions, put together from terms.
        names: The columns that tell whether a term holds, NULL being no.
        values: The paths of the numbers that questions ask for; of the first one, the column is `v0`.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self._uses = Counter(leaf for question in questions for leaf in _leaves(question.condition))
        self._guards: dict[Expression, frozenset[Expression]] = {}
        self.conditions = [self._join(question.condition) for question in questions]
        for condition in self.conditions:
            self._enter(condition, frozenset())
        self._numbers = {term: number for number, term in enumerate(self._guards)}
        self.names = [f"t{number}" for number in self._numbers.values()]
        self.values = list(dict.fromkeys(question.value for question in questions if question.value is not None))

    def columns(self, values: Values) -> tuple[str, str]:
        """The terms and values as columns of two SELECTs, the second one from the first; each follows a comma.

        Raises:
            UnsayableError: SQL cannot say a term.
        """
        quick = told = ""
        for term, number in self._numbers.items():
            guards = self._guards[term] if _is_dear(term) else ()
            if guards:
                beside = " and ".join(map(self.column, sorted(guards, key=self._rarity)))
                told += f", case when {beside} then {predicate(term, values)} end as t{number}"
            else:
                quick += f", {predicate(term, values)} as t{number}"
                told += f", t{number}"
        for number, path in enumerate(self.values):
            value = values.number(path)
            quick += f", case when isfinite({value}) then {value} end as v{number}"
            told += f", v{number}"
        return quick, told

    def column(self, condition: Expression) -> str:
        """One of the conditions, or a part of it, as SQL over the columns."""
        if condition in self._numbers:
            return f"t{self._numbers[condition]}"
        assert isinstance(condition, And | Or)
        if not condition.terms:
            return "true" if isinstance(condition, And) else "false"
        return f"({(' and ' if isinstance(condition, And) else ' or ').join(map(self.column, condition.terms))})"

    def test(self, condition: Expression) -> Test:
        """One of the conditions as a function of the terms that hold."""
        if condition in self._numbers:
            bit = 1 << self._numbers[condition]
            return lambda held: held & bit != 0
        assert isinstance(condition, And | Or)
        bits = sum(1 << self._numbers[term] for term in set(condition.terms) if term in self._numbers)
        tests = [self.test(term) for term in condition.terms if term not in self._numbers]
        if isinstance(condition, And):
            return lambda held: held & bits == bits and all(test(held) for test in tests)
        return lambda held: held & bits != 0 or any(test(held) for test in tests)

    def _join(self, condition: Expression) -> Expression:
        """The condition with those of its terms joined that stand nowhere else."""
        if not isinstance(condition, And | Or):
            return condition
        kind, terms = type(condition), list[Expression]()
        own: dict[bool, list[Expression]] = {False: [], True: []}
        for term in map(self._join, condition.terms):
            alone = all(self._uses[leaf] == 1 for leaf in _leaves(term))
            (own[_is_dear(term)] if alone else terms).append(term)
        joined = [parts[0] if len(parts) == 1 else kind(tuple(parts)) for parts in own.values() if parts]
        return kind((*terms, *joined)) if terms or len(joined) != 1 else joined[0]

    def _enter(self, condition: Expression, guards: frozenset[Expression]) -> None:
        """Enter the terms of a condition that only matters where the guards hold."""
        if self._is_term(condition):
            self._guards[condition] = self._guards.get(condition, guards) & guards
            return
        assert isinstance(condition, And | Or)
        if isinstance(condition, And):
            guards |= {term for term in condition.terms if not _is_dear(term)}
        for term in condition.terms:
            self._enter(term, guards)

    def _is_term(self, condition: Expression) -> bool:
        """A leaf, or a whole that stands nowhere else and is quick in all its parts or dear in all of them."""
        leaves = list(_leaves(condition))
        if not isinstance(condition, And | Or):
            return True
        return all(self._uses[leaf] == 1 for leaf in leaves) and len({_is_dear(part) for part in condition.terms}) == 1

    def _rarity(self, guard: Expression) -> tuple[int, str]:
        """The fewer conditions have a guard, the fewer events it likely holds for."""
        return max((self._uses[leaf] for leaf in _leaves(guard)), default=0), self.column(guard)


def is_textual(condition: Expression) -> bool:
    """Whether a condition asks for the text of a line, and for nothing else."""
    leaves = list(_leaves(condition))
    return bool(leaves) and all(isinstance(leaf, Term) for leaf in leaves)


def _leaves(condition: Expression) -> Iterator[Expression]:
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _leaves(term)
    else:
        yield condition


def _is_dear(term: Expression) -> bool:
    if isinstance(term, And | Or):
        return any(map(_is_dear, term.terms))
    if isinstance(term, Term):
        return True
    assert isinstance(term, Comparison | Is | NotExists)
    wanted = term.value if isinstance(term, Comparison) else None
    searched = isinstance(wanted, Regex) or (isinstance(wanted, str) and "*" in wanted)
    return searched or ANY_ELEMENT in term.path
