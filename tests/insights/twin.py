"""A plain twin of the query engine: it evaluates a parsed query over events in Python, one row at a time.

It knows the commands and functions that `strategies.py` writes, and nothing of SQL.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from eks_audit_constructs.insights.parser import MAX_ROWS, parse
from eks_audit_constructs.insights.syntax import (
    Call,
    Command,
    Comparison,
    Dedup,
    Display,
    Expression,
    Fields,
    Filter,
    Item,
    Key,
    Limit,
    Logic,
    Match,
    Membership,
    Name,
    Negation,
    Number,
    Operation,
    Parse,
    Regex,
    Script,
    Sort,
    Stats,
    Text,
)

__all__ = ["Answer", "answer", "flat"]

Cell: TypeAlias = str | float | bool | None
Row: TypeAlias = dict[str, Cell]
Answer: TypeAlias = tuple[tuple[str, ...], list[tuple[Cell, ...]]]

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def answer(query: str, events: Sequence[Mapping[str, Any]]) -> Answer:
    """Return the columns and rows of a query over events, each of which has its own `time`."""
    rows = [_event(event) for event in events]
    rows.sort(key=lambda row: str(row["time"]), reverse=True)
    return _run(parse(Script(text=query, where="twin")), rows)


def _event(event: Mapping[str, Any]) -> Row:
    return {**flat(event), "@message": json.dumps(event, separators=(",", ":"), ensure_ascii=False)}


def flat(value: Any, name: str = "") -> Row:
    """Flatten an event: a nested field wins over a key with dots."""
    if isinstance(value, dict):
        keyed = [(str(key), part) for key, part in value.items()]
    elif isinstance(value, list):
        keyed = [(str(index), part) for index, part in enumerate(value)]
    elif value is None:
        return {}
    elif isinstance(value, bool):
        return {name: "1" if value else "0"}
    else:
        return {name: value if isinstance(value, str) else json.dumps(value)}
    found: Row = {}
    for key, part in sorted(keyed, key=lambda pair: "." in pair[0]):
        for inner, leaf in flat(part, f"{name}.{key}" if name else key).items():
            found.setdefault(inner, leaf)
    return found


def _run(commands: Iterable[Command], rows: list[Row]) -> Answer:
    chosen: list[str] = []
    parsed: list[str] = []
    displayed: list[str] | None = None
    shown: list[str] = []
    aggregated = False
    limit = MAX_ROWS
    for command in commands:
        match command:
            case Fields(items=items):
                chosen += _add(rows, items)
            case Display(items=items):
                displayed = _add(rows, items)
            case Filter(condition=condition):
                rows = [row for row in rows if _value(condition, row) is True or _is_number(_value(condition, row))]
            case Parse(source=source, pattern=pattern, names=names):
                for row in rows:
                    text = row.get(source.flat if source else "@message")
                    row.update(_parsed(text, pattern, names))
                parsed += names
            case Stats(items=items, groups=groups):
                shown, rows = _grouped(rows, items, groups)
                chosen, parsed, displayed, aggregated = [], [], None, True
            case Sort(keys=keys):
                rows = _sorted(rows, keys)
            case Dedup(names=names):
                rows = list(_distinct(rows, [name.flat for name in names]))
            case Limit(count=count):
                limit = count
    base = [*shown, *chosen] if aggregated else chosen or ["@timestamp", "@message"]
    columns = tuple(dict.fromkeys(displayed if displayed is not None else [*base, *parsed]))
    return columns, [tuple(_shown(row.get(name)) for name in columns) for row in rows[:limit]]


def _add(rows: list[Row], items: Sequence[Item]) -> list[str]:
    for row in rows:
        for item in items:
            row[item.name] = _value(item.expression, row)
    return [item.name for item in items]


def _grouped(rows: list[Row], items: Sequence[Item], groups: Sequence[Item]) -> tuple[list[str], list[Row]]:
    groupings: dict[tuple[Cell, ...], list[Row]] = {}
    for row in rows:
        groupings.setdefault(tuple(_value(group.expression, row) for group in groups), []).append(row)
    found: list[Row] = []
    for key, members in groupings.items():
        made: Row = dict(zip((group.name for group in groups), key, strict=True))
        for item in items:
            made[item.name] = _aggregate(item.expression, members)
        found.append(made)
    names = [item.name for item in (*groups, *items)]
    return names, sorted(found, key=lambda row: [_place(row[name]) for name in names])


def _aggregate(node: Expression, rows: Sequence[Row]) -> Cell:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Operation):
        return _calculated(node.sign, _aggregate(node.left, rows), _aggregate(node.right, rows))
    assert isinstance(node, Call)
    if node.function == "count" and not isinstance(node.arguments[0], Name):
        return float(len(rows))
    values = [value for row in rows if (value := _value(node.arguments[0], row)) is not None]
    numbers = [number for value in values if (number := _number(value)) is not None]
    match node.function:
        case "count":
            return float(len(values))
        case "count_distinct":
            return float(len(set(values)))
        case "min" | "max" if values and isinstance(values[0], str):
            best: Callable[[Iterable[Any]], Any] = min if node.function == "min" else max
            return _written(best(numbers)) if numbers else str(best(values))
        case "sortsfirst":
            return min(values, key=_place, default=None)
        case "sortslast":
            return max(values, key=_place, default=None)
        case "latest":
            return values[0] if values else None
        case "earliest":
            return values[-1] if values else None
    if not numbers:
        return None
    match node.function:
        case "min":
            return min(numbers)
        case "max":
            return max(numbers)
        case "sum":
            return math.fsum(numbers)
        case "avg":
            return statistics.fmean(numbers)
        case "median":
            return statistics.median(numbers)
        case "stddev":
            return statistics.pstdev(numbers)
        case "variance":
            return statistics.pvariance(numbers)
        case "pct":
            percent = node.arguments[1]
            assert isinstance(percent, Number)
            return sorted(numbers)[max(math.ceil(len(numbers) * percent.value / 100) - 1, 0)]
    raise NotImplementedError(node.function)


def _sorted(rows: list[Row], keys: Sequence[Key]) -> list[Row]:
    for key in reversed(keys):
        present = [row for row in rows if _value(key.expression, row) is not None]
        missing = [row for row in rows if _value(key.expression, row) is None]
        expression = key.expression

        def place(row: Row, expression: Expression = expression) -> Any:
            return _place(_value(expression, row))

        # a sort that is reversed keeps the order of ties
        rows = [*sorted(present, key=place, reverse=key.descending), *missing]
    return rows


def _place(value: Cell) -> tuple[Any, ...]:
    """The place of a value in ascending order: text, then numbers, then what is missing."""
    if value is None:
        return (2,)
    number = _number(value)
    if number is not None:
        return 1, number, str(value) if isinstance(value, str) else ""
    runs = re.findall(r"[0-9]+|[^0-9]", str(value))
    return 0, [(ord("0"), len(run), run) if run[0] in "0123456789" else (ord(run), 0, "") for run in runs]


def _distinct(rows: Iterable[Row], names: Sequence[str]) -> Iterator[Row]:
    seen: set[tuple[Cell, ...]] = set()
    for row in rows:
        values = tuple(row.get(name) for name in names)
        if None in values or values not in seen:
            yield row
        seen.add(values)


def _parsed(text: Cell, pattern: Text | Regex, names: Sequence[str]) -> Row:
    nothing: Row = dict.fromkeys(names)
    if not isinstance(text, str):
        return nothing
    if isinstance(pattern, Regex):
        found = re.search(re.sub(r"\(\?<(?=\w)", "(?P<", pattern.source), text, re.ASCII)
        return nothing if found is None else {name: found[name] for name in names}
    first, *rest = pattern.value.split("*")
    at = text.find(first)
    if at < 0:
        return nothing
    at += len(first)
    values: list[str] = []
    for number, part in enumerate(rest, 1):
        end = len(text) if number == len(rest) and not part else text.find(part, at)
        if end < 0:
            return nothing
        values.append(text[at:end])
        at = end + len(part)
    return dict(zip(names, values, strict=True))


def _value(node: Expression, row: Row) -> Cell:
    match node:
        case Name():
            return row.get(node.flat)
        case Number(value=number):
            return number
        case Text(value=text):
            return text
        case Operation(sign=sign):
            return _calculated(sign, _value(node.left, row), _value(node.right, row))
        case Comparison(sign=sign):
            return _compared(sign, node.left, node.right, row)
        case Match(operand=operand, pattern=pattern, absent=absent):
            searched = _text(_value(operand, row))
            if searched is None:
                return None
            if isinstance(pattern, Regex):
                return bool(re.search(pattern.source, searched, re.ASCII)) is not absent
            found = pattern.value in searched
            return found is not absent
        case Membership(operand=operand, values=values, absent=absent):
            compared = [_compared("!=" if absent else "=", operand, value, row) for value in values]
            return _all(compared) if absent else _any(compared)
        case Logic(word=word, terms=terms):
            truths = [_value(term, row) for term in terms]
            return _all(truths) if word == "and" else _any(truths)
        case Negation(operand=operand):
            return not _value(operand, row)
        case Call(function=function, arguments=arguments):
            return _called(function, [_value(argument, row) for argument in arguments])
    raise NotImplementedError(node)


def _called(function: str, values: Sequence[Cell]) -> Cell:
    first = values[0]
    match function:
        case "ispresent":
            return first is not None
        case "concat":
            return "".join(_text(value) or "" for value in values)
        case "coalesce":
            return next((_text(value) for value in values if value is not None), None)
    if first is None:
        return None
    match function:
        case "strlen":
            return float(len(_text(first) or ""))
        case "toupper":
            return (_text(first) or "").upper()
        case "reverse":
            return (_text(first) or "")[::-1]
        case "abs":
            number = _number(first)
            return None if number is None else abs(number)
    raise NotImplementedError(function)


def _compared(sign: str, left: Expression, right: Expression, row: Row) -> bool | None:
    one, other = _value(left, row), _value(right, row)
    if one is None or other is None:
        return None
    quoted = isinstance(left, Text) or isinstance(right, Text)
    texts = isinstance(one, str), isinstance(other, str)
    a, b = _number(one), _number(other)
    if all(texts):
        if (quoted and sign in ("=", "!=")) or a is None or b is None:
            return _holds(sign, one, other)
        return _holds(sign, a, b)
    if a is None or b is None:
        return True if sign == "!=" else None
    return _holds(sign, a, b)


def _holds(sign: str, one: Any, other: Any) -> bool:
    match sign:
        case "=":
            return bool(one == other)
        case "!=":
            return bool(one != other)
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
    return bool(one >= other)


def _all(truths: Sequence[Cell]) -> bool | None:
    return False if False in truths else None if None in truths else True


def _any(truths: Sequence[Cell]) -> bool | None:
    return True if True in truths else None if None in truths else False


def _calculated(sign: str, left: Cell, right: Cell) -> float | None:
    one, other = _number(left), _number(right)
    if one is None or other is None:
        return None
    match sign:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
    return one / other if other else None


def _is_number(value: Cell) -> bool:
    return isinstance(value, float) and value != 0


def _number(value: Cell) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return None if value is None else float(value)


def _text(value: Cell) -> str | None:
    return value if value is None or isinstance(value, str) else _written(float(value))


def _written(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _shown(value: Cell) -> Cell:
    if isinstance(value, str) or value is None:
        return value
    number = float(value)
    return int(number) if number == int(number) else number
