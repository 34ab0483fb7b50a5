"""Expressions of a query, translated to DuckDB SQL.

Where CloudWatch's behaviour is undocumented, or was never observed here, these rules apply:
- A comparison with a missing field is false, including `!=`, `not like` and `not in`; `not` of it is true.
- Against a number or another field, values that look like numbers compare as numbers. Against quoted text, = and !=
  compare text: the number 403 equals "403". Other text equals no number, and is neither less nor greater than one.
- A map or list equals nothing. A time compares as milliseconds since 1970.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
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
    Path,
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

__all__ = ["Aggregates", "Expressions"]

T = TypeVar("T")

_TIMED = ("bin", "datefloor", "dateceil")


class Expressions:
    """Translates expressions over the rows that one command passes to the next.

    Args:
        script: The query, for error messages.
        names: Names that are already defined: aliases, parsed fields, columns.
        columns: Columns without an alias, which later commands may refer to as they are written: `sort count(*)`.
        field: Resolves any other name.
        time: `@timestamp` as SQL; None after the first stats.
        now: The time at which the query runs, in seconds since 1970.
    """

    def __init__(
        self,
        script: Script,
        names: dict[str, Value],
        field: Callable[[Name], Value],
        *,
        columns: Mapping[Expression, Value] = MappingProxyType({}),
        time: str | None,
        now: float,
    ) -> None:
        self.script, self.names, self.columns, self.time = script, names, columns, time
        self._field, self._now = field, now

    def value(self, node: Expression) -> Value:
        """Translate an expression.

        Raises:
            QueryError: The expression has no value here; the error names its place.
        """
        return self._placed(node, lambda: self._value(node))

    def truth(self, node: Expression) -> str:
        """Translate an expression to a condition; NULL is false."""
        return self._placed(node, lambda: truth(self._value(node)))

    def text(self, node: Expression) -> str:
        """Translate an expression to text."""
        return self._placed(node, lambda: text(self._value(node)))

    def sort_key(self, node: Expression, *, descending: bool) -> list[str]:
        """Translate an expression to a sort key; see `values.sort_key`."""
        return self._placed(node, lambda: sort_key(self._value(node), descending=descending))

    def _placed(self, node: Expression | Regex, translate: Callable[[], T]) -> T:
        try:
            return translate()
        except UnsupportedInQueryError as reason:
            raise self.script.refusal(node.start, reason.limit, reason.way_out) from None

    def _value(self, node: Expression) -> Value:
        if (column := self.columns.get(node)) is not None:
            return column
        match node:
            case Name():
                return self._named(node)
            case Number(value=value):
                if not math.isfinite(value):
                    raise UnsupportedInQueryError("a number must be finite", "Use a smaller one.")
                return Value(Kind.NUMBER, f"{value!r}::double", value)
            case Text(value=written):
                return Value(Kind.QUOTED, literal(written), written)
            case Call():
                return self._call(node)
            case Path(parts=parts):
                parsed = self.value(node.operand)
                if parsed.json is None:
                    raise UnsupportedInQueryError("only a map or list has parts", "Use the result of jsonParse().")
                return _part(parsed.json, parts)
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
                raise UnsupportedInQueryError("a period is not a value", "Pass it to bin(), datefloor() or dateceil().")
        raise UnsupportedInQueryError("* is allowed only in count(*)", "Name a field.")

    def _named(self, name: Name) -> Value:
        if name.flat in self.names:
            return self.names[name.flat]
        for length in range(len(name.parts) - 1, 0, -1):
            parent = self.names.get(".".join(name.parts[:length]))
            if parent is not None and parent.json is not None:
                return _part(parent.json, name.parts[length:])
        if name.indexed:
            raise UnsupportedInQueryError(
                "a field of the log has no index, only the result of jsonParse() has", "Name the element as in list.0."
            )
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
        """Return the fields that `parse` extracts from text given as SQL.

        A field is missing if the pattern does not match, or if its group takes no part in the match.
        """
        if isinstance(pattern, Regex):
            regex = self._regex(pattern)
            order = {name: index for index, name in enumerate(patterns.groups(regex), start=1) if name}
        else:
            regex = patterns.of_glob(pattern.value)
            order = {name: index for index, name in enumerate(names, start=1)}
        once = literal(patterns.once(regex))
        return {name: Value(Kind.TEXT, _group(source, literal(regex), once, order[name])) for name in names}

    def _call(self, node: Call) -> Value:
        name = node.function
        if name == "now":
            self._check_count(node, 0, 0)
            return Value(Kind.NUMBER, f"{math.floor(self._now)}::double", float(math.floor(self._now)))
        if name in _TIMED:
            return self._timed(node, name)
        scalar = SCALARS.get(name)
        if scalar is None:
            if name in AGGREGATES:
                raise UnsupportedInQueryError("this function aggregates events", "Use it in stats.")
            raise self._unknown(node)
        self._check_count(node, scalar.fewest, scalar.most)
        return scalar.build(*map(self.value, node.arguments))

    def _timed(self, node: Call, name: str) -> Value:
        self._check_count(node, *((1, 1) if name == "bin" else (2, 2)))
        *source, period = node.arguments
        if not isinstance(period, Period):
            raise self.script.refusal(period.start, "this is not a period", "Use one such as 5m, 1h or 1d.")
        if source:
            time = self.value(source[0])
            if time.kind is not Kind.TIME:
                raise self.script.refusal(source[0].start, "this is not a time", "Pass @timestamp or fromMillis().")
            instant = time.sql
        elif self.time is None:
            raise UnsupportedInQueryError(
                "bin() reads @timestamp, which is gone after stats", "Name a time in stats, and use datefloor() on it."
            )
        else:
            instant = self.time
        build = periods.ceiling if name == "dateceil" else periods.floor
        return Value(Kind.TIME, self._placed(period, lambda: build(instant, period)))

    def _unknown(self, node: Call) -> UnsupportedInQueryError:
        known = [*SCALARS, *AGGREGATES, *_TIMED, "now"]
        near = difflib.get_close_matches(node.function, known, n=1)
        return UnsupportedInQueryError(
            "this is not a function that can be run offline",
            f"Did you mean {near[0]}()?" if near else f"Use one of {', '.join(sorted(known))}.",
        )

    def _check_count(self, node: Call, fewest: int, most: int | None) -> None:
        given = len(node.arguments)
        if given < fewest or (most is not None and given > most):
            wanted = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
            raise UnsupportedInQueryError(
                f"{node.function}() takes {wanted} argument(s), not {given}", "Correct the call."
            )


class Aggregates(Expressions):
    """Translates the expressions in stats: functions of many rows, and expressions over their results.

    Args:
        rows: Translates the arguments of these functions.
        names: The groups by name; columns are added as they are translated.
        columns: The groups without an alias.
        kept: SQL that is false for rows to ignore; None if all rows count.
    """

    def __init__(
        self, rows: Expressions, names: dict[str, Value], *, columns: Mapping[Expression, Value], kept: str | None
    ) -> None:
        super().__init__(rows.script, names, self._refused, columns=columns, time=None, now=rows._now)
        self._rows, self._kept = rows, kept

    def _refused(self, name: Name) -> Value:
        raise UnsupportedInQueryError(
            "this field is neither aggregated nor grouped by", "Aggregate it, or name it after `by`."
        )

    def _call(self, node: Call) -> Value:
        aggregate = AGGREGATES.get(node.function)
        if aggregate is None:
            return super()._call(node)
        self._check_count(node, aggregate.fewest, aggregate.most)
        counts_rows = node.function == "count" and node.arguments and isinstance(node.arguments[0], Star)
        arguments = () if counts_rows else node.arguments
        return aggregate.build(tuple(map(self._argument, arguments)), self._rows.time)

    def _argument(self, node: Expression) -> Value:
        value = self._rows.value(node)
        if self._kept is None or value.constant is not None:
            return value
        return Value(value.kind, f"case when {self._kept} then {value.sql} end")


def _group(source: str, regex: str, once: str, number: int) -> str:
    """Return a group of the first match as SQL.

    regexp_extract() is fast, but takes nine groups and does not tell an empty group from one that takes no part.
    """
    exact = f"regexp_extract_all({source}, {once}, {number})[1]"
    return exact if number > 9 else f"coalesce(nullif(regexp_extract({source}, {regex}, {number}), ''), {exact})"


def _part(json: str, keys: tuple[str, ...]) -> Value:
    part = f"json_extract({json}, {literal(json_pointer(keys))})"
    return Value(Kind.TEXT, f"leaf({part})", json=part)


def _compared(sign: str, left: Value, right: Value) -> str:
    """Compare with one of `= != < <= > >=`; NULL, which is false, if a side is missing."""
    kinds, operator = {left.kind, right.kind}, "<>" if sign == "!=" else sign
    if Kind.MAP in kinds:
        return "false"
    if kinds == {Kind.TIME, Kind.QUOTED}:
        raise UnsupportedInQueryError("a time cannot be compared with text", "Compare toMillis() of it with a number.")
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
