"""The terms of conditions as DuckDB's SQL, written for speed.

It says what `conditions.sql` says, over values that are taken from an event once for all terms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial

from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    Operator,
    Or,
    Path,
    Regex,
    Term,
    selector,
)
from eks_audit_constructs.replay.values import UnsayableError, Values, json_path, literal, number, string

__all__ = ["predicate"]


def predicate(term: Expression, values: Values) -> str:
    """A term as a SQL expression: true where it holds, false or NULL where it does not.

    Args:
        term: The term; its text is looked for in the column `message`.
        values: Tells where the values are.

    Raises:
        UnsayableError: SQL cannot say it.
    """
    match term:
        case And(terms):
            return f"({' and '.join(predicate(part, values) for part in terms)})" if terms else "true"
        case Or(terms):
            return f"({' or '.join(predicate(part, values) for part in terms)})" if terms else "false"
        case Comparison(path, sign, "*"):
            scalar = "left({}::varchar, 1) not in ('{{', '[', 'n')"  # n: null
            return _some(path, values, values.json, str, scalar.format) if sign is Operator.EQ else "false"
        case Comparison(path, sign, str() | Regex() as wanted):
            found = partial(_matches, sign=sign, wanted=wanted)
            return _some(path, values, values.string, string, found, _sought(sign, wanted))
        case Comparison(path, sign, int() | float() as wanted):
            compared = f"{_SIGNS[sign]} {_number(wanted)}"
            return _some(path, values, values.number, number, lambda value: f"{value} {compared}")
        case Is(path, constant):
            name = literal(constant.name.lower())
            return _some(
                path, values, values.json, str, lambda value: f"{value}::varchar = {name}", constant.name.lower()
            )
        case NotExists(path) if ANY_ELEMENT in path:
            return f"{values.event} is not null and coalesce(len({_elements(path, values)}), 0) = 0"
        case NotExists(path):
            return f"{values.event} is not null and {values.json(path)} is null"
        case Term(Regex(source), absent):
            return f"{'not ' if absent else ''}regexp_matches(message, {literal(source)})"
        case Term(str(text), absent):
            return f"{'not ' if absent else ''}contains(message, {literal(text)})"
    raise TypeError(f"{term!r} is no condition")


_SIGNS = {sign: "<>" if sign is Operator.NE else sign.value for sign in Operator}


def _some(
    path: Path,
    values: Values,
    column: Callable[[Path], str],
    told: Callable[[str], str],
    test: Callable[[str], str],
    sought: str = "",
) -> str:
    """The test on the value there; with `[*]`, on what is told of some element."""
    if ANY_ELEMENT not in path:
        _check(path)
        return test(column(path))
    elements = _elements(path, values, sought)
    return f"len(list_filter({elements}, lambda element: {test(told('element'))})) > 0"


def _elements(path: Path, values: Values, sought: str = "") -> str:
    """What stands at the path, of an array in whose text the sought text may be: most need not be read for it."""
    _check(path)
    at = path.index(ANY_ELEMENT)
    array = values.json(path[:at])
    if sought:
        text = f"{array}::varchar"
        array = f"case when contains({text}, {literal(sought)}) or contains({text}, chr(92)) then {array} end"
    return f"json_extract({array}, {json_path(path[at:])})"


def _sought(sign: Operator, wanted: str | Regex) -> str:
    """The longest text that must stand in a string that matches; in JSON it may be spelled with a backslash."""
    if sign is not Operator.EQ or isinstance(wanted, Regex) or _ESCAPED.search(wanted):
        return ""
    return max(wanted.split("*"), key=len)


_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def _check(path: Path) -> None:
    if not isinstance(path[0], str) or path.count(ANY_ELEMENT) > 1:
        raise UnsayableError(selector(path))


def _matches(text: str, sign: Operator, wanted: str | Regex) -> str:
    if isinstance(wanted, Regex):
        return f"{'' if sign is Operator.EQ else 'not '}regexp_matches({text}, {literal(wanted.source)})"
    if "*" not in wanted:
        return f"{text} {_SIGNS[sign]} {literal(wanted)}"
    escaped = re.sub(r"([\\%_])", r"\\\1", wanted)
    glob = literal(re.sub(r"\*+", "%", escaped)) + (r" escape '\'" if escaped != wanted else "")
    return f"{text} {'like' if sign is Operator.EQ else 'not like'} {glob}"


def _number(wanted: float) -> str:
    try:
        value = float(wanted)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise UnsayableError(str(wanted))
    text = repr(value)  # with an exponent it is a double; without, a decimal that is rounded otherwise
    return text if "e" in text else f"{text}e0"
