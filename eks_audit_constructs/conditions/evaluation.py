"""Evaluate expressions in plain Python: the reference for every other rendering."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, TypeAlias

from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    ANY_FIELD,
    And,
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Operand,
    Operator,
    Or,
    Path,
    Regex,
    Term,
)

__all__ = ["MISSING", "Predicate", "predicate"]


class _Missing(Enum):
    MISSING = "missing"


MISSING = _Missing.MISSING
"""A missing field; as an event, a line that is not valid JSON."""

Predicate: TypeAlias = Callable[[bytes, object], bool]
"""Whether a log line matches, given the line and the JSON value parsed from it, or `MISSING`."""

_Test: TypeAlias = Callable[[object], bool]

_ORDER: dict[Operator, Callable[[float, float], bool]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}
_CONSTANTS = {Constant.TRUE: True, Constant.FALSE: False, Constant.NULL: None}


def predicate(expression: Expression) -> Predicate:
    """Compile an expression into a function of a log line and its parsed JSON."""
    match expression:
        case And(terms):
            tests = [predicate(term) for term in terms]
            return lambda line, event: all(test(line, event) for test in tests)
        case Or(terms):
            tests = [predicate(term) for term in terms]
            return lambda line, event: any(test(line, event) for test in tests)
        case Term(text, absent):
            found = _found(text)
            return lambda line, _: found(line) is not absent
        case NotExists(path):
            read = _reader(path)
            return lambda _, event: isinstance(event, dict) and all(value is MISSING for value in read(event))
        case Is(path, constant):
            wanted = _CONSTANTS[constant]
            return _on_field(path, lambda value: value is wanted)
        case Comparison(path, sign, value):
            return _on_field(path, _comparison(sign, value))
    raise TypeError(f"{expression!r} is not a condition")


def _on_field(path: Path, test: _Test) -> Predicate:
    read = _reader(path)
    return lambda _, event: isinstance(event, dict) and any(test(value) for value in read(event))


def _comparison(sign: Operator, wanted: Operand) -> _Test:
    if isinstance(wanted, (int, float)):
        compare, number = _ORDER[sign], _as_float(wanted)
        return lambda value: _is_number(value) and compare(_as_float(value), number)
    equal = sign is Operator.EQ
    if wanted == "*":
        return lambda value: equal and (isinstance(value, (str, bool)) or _is_number(value))
    if isinstance(wanted, Regex):
        search = re.compile(_ending(wanted.source), re.ASCII).search
        return lambda value: isinstance(value, str) and (search(value) is not None) is equal
    if isinstance(wanted, NumberGlob):
        digits = _glob(wanted.text)
        return lambda value: _is_integer(value) and digits(str(value)) is equal
    if "*" in wanted:
        text = _glob(wanted)
        return lambda value: isinstance(value, str) and text(value) is equal
    return lambda value: isinstance(value, str) and (value == wanted) is equal


def _glob(wanted: str) -> Callable[[str], bool]:
    """Return whether a whole text matches, `*` being any text."""
    matched = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL).fullmatch
    return lambda text: matched(text) is not None


def _reader(path: Path) -> Callable[[dict[str, Any]], Iterator[object]]:
    """Return a reader of the values at a path: one (or `MISSING`), or those that a wildcard stands for."""

    def walk(value: object, rest: Path) -> Iterator[object]:
        for position, segment in enumerate(rest):
            if segment is ANY_ELEMENT or segment is ANY_FIELD:
                for element in _several(value, fields=segment is ANY_FIELD):
                    yield from walk(element, rest[position + 1 :])
                return
            if isinstance(segment, int):
                value = value[segment] if isinstance(value, list) and segment < len(value) else MISSING
            else:
                value = value.get(segment, MISSING) if isinstance(value, dict) else MISSING
        yield value

    return lambda event: walk(event, path)


def _several(value: object, *, fields: bool) -> Iterable[object]:
    """Return the values for which a wildcard stands."""
    if fields:
        return value.values() if isinstance(value, dict) else ()
    return value if isinstance(value, list) else ()


def _ending(source: str) -> str:
    """Make `$` match at the end of the text only; Python's also matches before a final line break."""
    return _DOLLAR.sub(lambda found: found["other"] or r"\Z", source)


_DOLLAR = re.compile(r"(?P<other>\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\$", re.DOTALL)


def _found(text: str | Regex) -> Callable[[bytes], bool]:
    if isinstance(text, Regex):
        search = re.compile(_ending(text.source).encode()).search
        return lambda line: search(line) is not None
    wanted = text.encode()
    return lambda line: wanted in line


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _as_float(number: Any) -> float:
    """Convert to a double, like CloudWatch's metrics; a number out of range becomes infinite."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
