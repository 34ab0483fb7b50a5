"""Expressions of a query, translated to DuckDB's SQL.

What CloudWatch does not say, or nobody here has seen, is decided thus:
- A comparison with a missing field is false, `!=`, `not like` and `not in` included; `not` of it is true.
- With a number, or a field with a field, values that look like numbers compare as numbers. With a text in quotes, = and
  != compare the text: the number 403 equals "403". A text that is no number equals none and is neither less nor more.
- A map or list equals nothing. A time compares with milliseconds since 1970.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import TypeVar

from eks_audit_constructs.conditions.sql import literal
from eks_audit_constructs.insights import patterns, periods
from eks_audit_constructs.insights.functions import AGGREGATES, SCALARS
from eks_audit_constructs.insights.syntax import (
    Call,
    Comparison,
    Expression,
    Logic,
    Match,
    Membership,
    Name,
    Negation,
    Number,
    Operation,
    Period,
    Regex,
    Script,
    Star,
    Text,
)
from eks_audit_constructs.insights.values import (
    Kind,
    UnsupportedInQueryError,
    Value,
    json_pointer,
    number,
    sort_key,
    text,
    truth,
)

__all__ = ["Aggregates", "Expressions", "compact"]

T = TypeVar("T")

_TIMED = ("bin", "datefloor", "dateceil")


def compact(written: str) -> str:
    """An expression without its spaces, by which a later command may name a column."""
    return "".join(written.split())


class Expressions:
    """Translates expressions over the rows that one command hands to the next.

    Args:
        script: The query, for errors.
        names: What names stand for already: aliases, parsed fields, columns.
        field: What any other name stands for.
        time: `@timestamp` as SQL; None after the first stats.
        now: The time at which the query runs, in seconds since 1970.
    """

    def __init__(
        self, script: Script, names: dict[str, Value], field: Callable[[Name], Value], *, time: str | None, now: float
    ) -> None:
        self.script, self.names, self.time = script, names, time
        self._field, self._now = field, now

    def value(self, node: Expression) -> Value:
        """The value of an expression.

        Raises:
            QueryError: It has none here; the error names its place.
        """
        return self._placed(node, lambda: self._value(node))

    def truth(self, node: Expression) -> str:
        """The expression as a condition; NULL is false."""
        return self._placed(node, lambda: truth(self._value(node)))

    def text(self, node: Expression) -> str:
        """The expression as text."""
        return self._placed(node, lambda: text(self._value(node)))

    def sort_key(self, node: Expression, *, descending: bool) -> list[str]:
        """See `values.sort_key`."""
        return self._placed(node, lambda: sort_key(self._value(node), descending=descending))

    def _placed(self, node: Expression | Regex, translate: Callable[[], T]) -> T:
        try:
            return translate()
        except UnsupportedInQueryError as reason:
            raise self.script.refusal(node.start, reason.limit, reason.way_out) from None

    def _value(self, node: Expression) -> Value:
        match node:
            case Name():
                return self._named(node)
            case Number(value=value):
                if not math.isfinite(value):
                    raise UnsupportedInQueryError("a number is finite", "Write a smaller one.")
                return Value(Kind.NUMBER, f"{value!r}::double", value)
            case Text(value=written):
                return Value(Kind.QUOTED, literal(written), written)
            case Call():
                known = self.names.get(compact(self.script.text[node.start : node.end]))
                return known or self._call(node)
            case Operation():
                return self._operation(node)
            case Comparison(sign=sign):
                return Value(Kind.TRUTH, _compared(sign, self.value(node.left), self.value(node.right)))
            case Match():
                return Value(Kind.TRUTH, self._match(node))
            case Membership(absent=absent):
                operand, sign, word = self.value(node.operand), *(("!=", " and ") if absent else ("=", " or "))
                terms = [_compared(sign, operand, self.value(value)) for value in node.values]
                return Value(Kind.TRUTH, f"({word.join(terms)})")
            case Logic(word=word):
                return Value(Kind.TRUTH, f"({f' {word} '.join(map(self.truth, node.terms))})")
            case Negation():
                return Value(Kind.TRUTH, f"(not coalesce({self.truth(node.operand)}, false))")
            case Period():
                raise UnsupportedInQueryError("a period is no value", "Give it to bin(), datefloor() or dateceil().")
        raise UnsupportedInQueryError("* stands for all events only in count(*)", "Name a field.")

    def _named(self, name: Name) -> Value:
        if name.flat in self.names:
            return self.names[name.flat]
        for length in range(len(name.parts) - 1, 0, -1):
            parent = self.names.get(".".join(name.parts[:length]))
            if parent is not None and parent.kind is Kind.MAP:
                pointer = json_pointer(name.parts[length:])
                return Value(Kind.TEXT, f"leaf(json_extract({parent.sql}, {literal(pointer)}))")
        return self._field(name)

    def _operation(self, node: Operation) -> Value:
        left, right = number(self.value(node.left)), number(self.value(node.right))
        match node.sign:
            case "%":
                result = f"fmod({left}, {right})"
            case "^":
                result = f"pow({left}, {right})"
            case sign:
                result = f"({left} {sign} {right})"
        return Value(Kind.NUMBER, f"finite({result})")

    def _match(self, node: Match) -> str:
        operand = self.text(node.operand)
        if isinstance(node.pattern, Regex):
            found = f"regexp_matches({operand}, {literal(self._regex(node.pattern))})"
        else:
            found = f"contains({operand}, {literal(node.pattern.value)})"
        return f"(not {found})" if node.absent else found

    def _regex(self, regex: Regex) -> str:
        return self._placed(regex, lambda: patterns.of_regex(regex))

    def parsed(self, source: str, pattern: Text | Regex, names: tuple[str, ...]) -> dict[str, Value]:
        """The fields that `parse` takes out of a text given as SQL; missing where the pattern does not match."""
        if isinstance(pattern, Regex):
            regex = self._regex(pattern)
            order = {name: index for index, name in enumerate(patterns.groups(regex), start=1) if name}
        else:
            regex = patterns.of_glob(pattern.value)
            order = {name: index for index, name in enumerate(names, start=1)}
        wanted = f"{source}, {literal(regex)}"
        return {
            name: Value(
                Kind.TEXT, f"case when regexp_matches({wanted}) then regexp_extract({wanted}, {order[name]}) end"
            )
            for name in names
        }

    def _call(self, node: Call) -> Value:
        name = node.function.lower()
        if name == "now":
            self._check_count(node, 0, 0)
            return Value(Kind.NUMBER, f"{math.floor(self._now)}::double", float(math.floor(self._now)))
        if name in _TIMED:
            return self._timed(node, name)
        scalar = SCALARS.get(name)
        if scalar is None:
            if name in AGGREGATES:
                raise UnsupportedInQueryError("this function aggregates events", "Call it in stats.")
            raise self._unknown(node)
        self._check_count(node, scalar.fewest, scalar.most)
        return scalar.build(*map(self.value, node.arguments))

    def _timed(self, node: Call, name: str) -> Value:
        self._check_count(node, *((1, 1) if name == "bin" else (2, 2)))
        *source, period = node.arguments
        if not isinstance(period, Period):
            raise self.script.refusal(period.start, "this is no period of time", "Write one, as in 5m, 1h or 1d.")
        if source:
            time = self.value(source[0])
            if time.kind is not Kind.TIME:
                raise self.script.refusal(source[0].start, "this is no time", "Give it @timestamp or fromMillis().")
            instant = time.sql
        elif self.time is None:
            raise UnsupportedInQueryError(
                "bin() reads @timestamp, which is gone after stats", "Name a time there, and use datefloor() on it."
            )
        else:
            instant = self.time
        build = periods.ceiling if name == "dateceil" else periods.floor
        return Value(Kind.TIME, self._placed(period, lambda: build(instant, period)))

    def _unknown(self, node: Call) -> UnsupportedInQueryError:
        known = [*SCALARS, *AGGREGATES, *_TIMED, "now"]
        near = difflib.get_close_matches(node.function.lower(), known, n=1)
        return UnsupportedInQueryError(
            "this is no function that can be run offline",
            f"Did you mean {near[0]}()?" if near else f"There are {', '.join(sorted(known))}.",
        )

    def _check_count(self, node: Call, fewest: int, most: int | None) -> None:
        given = len(node.arguments)
        if given < fewest or (most is not None and given > most):
            wanted = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
            raise UnsupportedInQueryError(
                f"{node.function}() takes {wanted} argument(s), not {given}", "Correct the call."
            )


class Aggregates(Expressions):
    """Translates what stands in stats: functions of many rows, and what is made of their results.

    Args:
        rows: Translates their arguments.
        names: The groups by their names; earlier columns are added as they come.
        kept: SQL that is false for rows that do not count, though they are there.
    """

    def __init__(self, rows: Expressions, names: dict[str, Value], *, kept: str | None) -> None:
        super().__init__(rows.script, names, self._refused, time=None, now=rows._now)
        self._rows, self._kept = rows, kept

    def _refused(self, name: Name) -> Value:
        raise UnsupportedInQueryError(
            "this field is neither aggregated nor one to group by", "Aggregate it, or name it after `by`."
        )

    def _call(self, node: Call) -> Value:
        aggregate = AGGREGATES.get(node.function.lower())
        if aggregate is None:
            return super()._call(node)
        self._check_count(node, aggregate.fewest, aggregate.most)
        every = node.function.lower() == "count" and isinstance(node.arguments[0] if node.arguments else None, Star)
        arguments = () if every else node.arguments
        return aggregate.build(tuple(map(self._argument, arguments)), self._rows.time)

    def _argument(self, node: Expression) -> Value:
        value = self._rows.value(node)
        if self._kept is None or value.constant is not None:
            return value
        return Value(value.kind, f"case when {self._kept} then {value.sql} end")


def _compared(sign: str, left: Value, right: Value) -> str:
    """One of `= != < <= > >=`; NULL, which is false, when a side is missing."""
    kinds, operator = {left.kind, right.kind}, "<>" if sign == "!=" else sign
    if Kind.MAP in kinds:
        return "false"
    if kinds == {Kind.TIME, Kind.QUOTED}:
        raise UnsupportedInQueryError("a time does not compare with text", "Compare toMillis() of it with a number.")
    if kinds.isdisjoint({Kind.TEXT, Kind.QUOTED}):
        return f"({number(left)} {operator} {number(right)})"
    if kinds <= {Kind.TEXT, Kind.QUOTED}:
        as_text = f"{left.sql} {operator} {right.sql}"
        if Kind.QUOTED in kinds and sign in ("=", "!="):
            return f"({as_text})"
        numbers = f"{number(left)} is not null and {number(right)} is not null"
        return f"(case when {numbers} then {number(left)} {operator} {number(right)} else {as_text} end)"
    if sign != "!=":
        return f"({number(left)} {operator} {number(right)})"
    both = f"{left.sql} is not null and {right.sql} is not null"
    return f"({both} and coalesce({number(left)} <> {number(right)}, true))"
