"""The terms of conditions as DuckDB's SQL, written for speed.

It says what `conditions.sql` says, over values that are taken from an event once for all terms.
"""

from __future__ import annotations

import json
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
from eks_audit_constructs.replay.counting.values import UnsayableError, Values, json_path, literal, number, string

__all__ = ["is_prefix", "predicate"]


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
            return _compared(path, sign, wanted, values)
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
        case Term(str(text), True):
            return f"not contains(message, {literal(text)})"
        case Term(str(text)):
            rare = text[_rare(text) :]
            first = f"contains(message, {literal(rare)}) and " if rare != text else ""
            return f"({first}contains(message, {literal(text)}))"
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


def _compared(path: Path, sign: Operator, wanted: str | Regex, values: Values) -> str:
    """A string compared; as JSON where that will do, for then it need not be read."""
    if ANY_ELEMENT not in path and values.is_text(path):
        return _matches(values.string(path), sign, wanted)
    sought = _sought(sign, wanted)
    if isinstance(wanted, str) and ("*" not in wanted or is_prefix(wanted)) and not _CONTROL.search(wanted):
        return _some(path, values, values.json, str, partial(_matches_json, sign=sign, wanted=wanted), sought)
    return _some(path, values, values.string, string, partial(_matches, sign=sign, wanted=wanted), sought)


def _sought(sign: Operator, wanted: str | Regex) -> str:
    """The longest text that must stand in a string that matches; in JSON it may be spelled with a backslash."""
    if sign is not Operator.EQ or isinstance(wanted, Regex) or _ESCAPED.search(wanted):
        return ""
    return max(wanted.split("*"), key=len)


_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def _rare(text: str) -> int:
    """Where a text has a character that is rare in JSON: DuckDB is quick to find a text that begins with it."""
    found = _RARE.search(text)
    return found.start() if found else 0


_RARE = re.compile(r'[^a-z0-9":,_-](?=.{3})')


def is_prefix(wanted: str) -> bool:
    """Whether a text with stars stands for all that begin like it, which is quick to tell."""
    return wanted.endswith("*") and wanted.strip("*") != "" and "*" not in wanted.rstrip("*")


def _check(path: Path) -> None:
    if not isinstance(path[0], str) or path.count(ANY_ELEMENT) > 1:
        raise UnsayableError(selector(path))


def _matches(text: str, sign: Operator, wanted: str | Regex) -> str:
    no = "" if sign is Operator.EQ else "not "
    if isinstance(wanted, Regex):
        return f"{no}regexp_matches({text}, {literal(wanted.source)})"
    if "*" not in wanted:
        return f"{text} {_SIGNS[sign]} {literal(wanted)}"
    if is_prefix(wanted):
        return f"{no}starts_with({text}, {literal(wanted.rstrip('*'))})"
    escaped = re.sub(r"([\\%_])", r"\\\1", wanted)
    glob = literal(re.sub(r"\*+", "%", escaped)) + (r" escape '\'" if escaped != wanted else "")
    return f"{text} {no}like {glob}"


def _matches_json(value: str, sign: Operator, wanted: str) -> str:
    """The same of a JSON value: DuckDB writes a string in one way only, with no escape that JSON does not ask for."""
    value = f"{value}::varchar"
    written = json.dumps(wanted.rstrip("*"), ensure_ascii=False)
    if "*" in wanted:
        found = f"starts_with({value}, {literal(written[:-1])})"
        return found if sign is Operator.EQ else f"(starts_with({value}, '\"') and not {found})"
    equal = f"{value} {_SIGNS[sign]} {literal(written)}"
    return equal if sign is Operator.EQ else f"(starts_with({value}, '\"') and {equal})"


def _number(wanted: float) -> str:
    try:
        value = float(wanted)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise UnsayableError(str(wanted))
    text = repr(value)  # with an exponent it is a double; without, a decimal that is rounded otherwise
    return text if "e" in text else f"{text}e0"
