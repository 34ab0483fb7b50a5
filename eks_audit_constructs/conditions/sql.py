"""Conditions as SQL: one writer, and what differs between its two dialects.

DuckDB reads logs on a laptop, and Athena the archive. Both have a log line as text, so keys keep their case. What
makes them agree is the JSON text of a field: `"403"` with its quotes is the string, `403` the number, `{…` and `[…` can
equal neither, and a missing field is NULL. A condition that comes out NULL is no match; NOT is only applied where the
operand cannot be NULL once its neighbours hold. `field("verb") != "get"` is, in DuckDB,

    (starts_with(json_extract(event, '$.verb')::varchar, '"') and json_extract(event, '$.verb')::varchar <> '"get"')

Athena (engine version 3) has Trino's functions: https://trino.io/docs/current/functions/json.html
DuckDB's: https://duckdb.org/docs/stable/data/json/json_functions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

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
from eks_audit_constructs.conditions.sql_dialects import ATHENA, DUCKDB, Dialect, UnsupportedInSqlError, literal

__all__ = [
    "ATHENA",
    "DUCKDB",
    "Dialect",
    "Fields",
    "UnsupportedInSqlError",
    "condition",
    "is_prefix",
    "literal",
    "render",
    "select",
]

_COLUMNS: dict[str, Path] = {
    "time": ("stageTimestamp",),
    "username": ("user", "username"),
    "sourceIPs": ("sourceIPs",),
    "verb": ("verb",),
    "resource": ("objectRef", "resource"),
    "namespace": ("objectRef", "namespace"),
    "name": ("objectRef", "name"),
    "code": ("responseStatus", "code"),
}
"""What `select` shows of an event."""


class Fields:
    """Where a statement has an event and its fields: here, they are taken out of a JSON document each time.

    Args:
        dialect: `DUCKDB` or `ATHENA`.
        line: The log line as text.
        document: The JSON document.
    """

    def __init__(self, dialect: Dialect, *, line: str, document: str) -> None:
        self.dialect = dialect
        self.line = line
        self.document = document

    @property
    def is_event(self) -> str:
        """A condition: the line is a JSON object."""
        return f"{self.dialect.text(self.json(()))} like '{{%'"

    def json(self, path: Path) -> str:
        """The JSON value there, NULL where the field is missing."""
        return self.dialect.extract(self.document, path)

    def string(self, path: Path) -> str:
        """The string there, NULL where it is none."""
        return self.dialect.string(self.json(path))

    def number(self, path: Path) -> str:
        """The number there, NULL where it is none."""
        return self.dialect.number(self.json(path))

    def is_text(self, path: Path) -> bool:
        """Whether the string there is at hand, so that its JSON need not be compared."""
        return False


def render(expression: Expression, *, dialect: Dialect, message_column: str = "message") -> str:
    """The condition as the text of a WHERE clause.

    Args:
        expression: The condition.
        dialect: `DUCKDB` or `ATHENA`.
        message_column: The text column that holds the log line.

    Raises:
        UnsupportedInSqlError: SQL cannot say it; see `condition`.
    """
    document = dialect.document(message_column)
    return condition(expression, Fields(dialect, line=message_column, document=document))


def select(expression: Expression, *, dialect: Dialect, table: str, message_column: str = "message") -> str:
    """A whole statement, laid out for reading: who did what from where, the 100 latest matches first.

    Args:
        expression: The condition.
        dialect: `DUCKDB` or `ATHENA`.
        table: The table or view to read, as written in SQL.
        message_column: The text column of it that holds the log line.

    Raises:
        UnsupportedInSqlError: SQL cannot say it; see `condition`.
    """
    fields = Fields(dialect, line=message_column, document="event")
    terms = expression.terms if isinstance(expression, And) and expression.terms else (expression,)
    where = "\n  and ".join(_laid_out(term, fields, "  ") for term in terms)
    columns = ",\n".join(
        f"  {dialect.text(fields.json(path)) if name == 'sourceIPs' else dialect.scalar('event', path)} as {name}"
        for name, path in _COLUMNS.items()
    )
    return f"""\
with events as (
  select {message_column}, {dialect.parse(message_column)} as event
  from {table}
)
select
{columns}
from events
where
  {where}
order by time desc nulls last
limit 100"""


def _laid_out(expression: Expression, fields: Fields, indent: str) -> str:
    """The condition, its parts on lines of their own where they are many."""
    whole = condition(expression, fields)
    if len(whole) <= 100 or not isinstance(expression, And | Or):
        return whole
    word = "and" if isinstance(expression, And) else "or"
    parts = [_laid_out(term, fields, f"{indent}  ") for term in expression.terms]
    return f"(\n{indent}  " + f"\n{indent}  {word} ".join(parts) + f"\n{indent})"


def condition(expression: Expression, fields: Fields) -> str:
    """The condition as a SQL expression, true where it matches, false or NULL where it does not.

    Args:
        expression: The condition.
        fields: Where the event is, and in which dialect.

    Raises:
        UnsupportedInSqlError: A path has more than one `[*]` or begins with an index, a key is empty or `*` or holds a
            quote, a backslash or a control character, a number is not finite, or a text holds what no statement can.
    """
    dialect = fields.dialect
    match expression:
        case And(terms):
            return f"({' and '.join(condition(term, fields) for term in terms)})" if terms else "true"
        case Or(terms):
            return f"({' or '.join(condition(term, fields) for term in terms)})" if terms else "false"
        case Term():
            return _term(expression, fields.line, dialect)
        case Comparison(path, _, str() | Regex() as wanted) if wanted != "*":
            return _compared(path, expression.operator, wanted, fields)
        case Comparison(path, sign, "*"):
            if sign is not Operator.EQ:
                return "false"
            scalar = "substr({}, 1, 1) not in ('{{', '[', 'n')"  # n: null
            return _on_value(path, fields, lambda value: scalar.format(dialect.text(value)))
        case Comparison(path, sign, int() | float() as wanted):
            compared = f"{_SIGNS[sign]} {_number(path, wanted)}"
            if ANY_ELEMENT not in path:
                return f"{fields.number(_checked(path))} {compared}"
            return _on_value(path, fields, lambda value: f"{dialect.number(value)} {compared}")
        case Is(path, constant):
            name = constant.name.lower()
            return _on_value(path, fields, lambda value: f"{dialect.text(value)} = {literal(name)}", name)
        case NotExists(path):
            if ANY_ELEMENT not in path:
                return f"({fields.is_event} and {fields.json(_checked(path))} is null)"
            some = _on_value(path, fields, lambda value: f"{value} is not null")
            return f"({fields.is_event} and not coalesce({some}, false))"
    raise TypeError(f"{expression!r} is no condition")


_SIGNS = {sign: "<>" if sign is Operator.NE else sign.value for sign in Operator}


def is_prefix(wanted: str) -> bool:
    """Whether a text with stars stands for all that begin like it, which is quick to tell."""
    return wanted.endswith("*") and wanted.strip("*") != "" and "*" not in wanted.rstrip("*")


def _on_value(path: Path, fields: Fields, test: Callable[[str], str], within: str = "") -> str:
    """The test on the value there; with `[*]`, on some element, which no array has whose text lacks what is within."""
    if ANY_ELEMENT not in _checked(path):
        return test(fields.json(path))
    at = path.index(ANY_ELEMENT)
    return fields.dialect.some_element(fields.json(path[:at]), path[at + 1 :], test, within)


def _term(term: Term, line: str, dialect: Dialect) -> str:
    if isinstance(term.text, Regex):
        found = dialect.searched(line, term.text.source)
    else:
        found = dialect.contained(line, term.text)
    return f"not {found}" if term.absent else found


def _compared(path: Path, sign: Operator, wanted: str | Regex, fields: Fields) -> str:
    """A string compared; as JSON where that will do, for then it need not be decoded."""
    dialect = fields.dialect
    if ANY_ELEMENT not in path and fields.is_text(path):
        return _matches(fields.string(path), sign, wanted, dialect)
    within = _within(sign, wanted)
    if isinstance(wanted, str) and ("*" not in wanted or is_prefix(wanted)) and not _CONTROL.search(wanted):
        plain = wanted
        return _on_value(path, fields, lambda value: _matches_json(dialect.text(value), sign, plain), within)
    if ANY_ELEMENT not in _checked(path):
        return _matches(fields.string(path), sign, wanted, dialect)
    return _on_value(path, fields, lambda value: _matches(dialect.string(value), sign, wanted, dialect), within)


def _within(sign: Operator, wanted: str | Regex) -> str:
    """The longest text that must stand in a string that matches; in JSON it may be spelled with a backslash."""
    if sign is not Operator.EQ or isinstance(wanted, Regex) or _ESCAPED.search(wanted):
        return ""
    return max(wanted.split("*"), key=len)


_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def _matches(string: str, sign: Operator, wanted: str | Regex, dialect: Dialect) -> str:
    no = "" if sign is Operator.EQ else "not "
    if isinstance(wanted, Regex):
        return f"{no}{dialect.searched(string, wanted.source)}"
    if "*" not in wanted:
        return f"{string} {_SIGNS[sign]} {literal(wanted)}"
    if is_prefix(wanted):
        return f"{no}starts_with({string}, {literal(wanted.rstrip('*'))})"
    escaped = re.sub(r"([\\%_])", r"\\\1", wanted)
    glob = literal(re.sub(r"\*+", "%", escaped)) + (r" escape '\'" if escaped != wanted else "")
    return f"{string} {no}like {glob}"


def _matches_json(text: str, sign: Operator, wanted: str) -> str:
    """The same of JSON text: a string is written in one way only, with no escape that JSON does not ask for."""
    written = json.dumps(wanted.rstrip("*"), ensure_ascii=False)
    if "*" in wanted:
        found = f"starts_with({text}, {literal(written[:-1])})"
        return found if sign is Operator.EQ else f"(starts_with({text}, '\"') and not {found})"
    equal = f"{text} {_SIGNS[sign]} {literal(written)}"
    return equal if sign is Operator.EQ else f"(starts_with({text}, '\"') and {equal})"


def _checked(path: Path) -> Path:
    if not path or not isinstance(path[0], str) or path.count(ANY_ELEMENT) > 1:
        raise UnsupportedInSqlError(
            selector(path),
            value=selector(path),
            limit="a path into an audit event begins with a key and holds at most one [*]",
            way_out="Name the key, and an index in place of the other [*].",
        )
    return path


def _number(path: Path, wanted: float) -> str:
    try:
        value = float(wanted)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise UnsupportedInSqlError(
            selector(path), value=wanted, limit="SQL has no such number", way_out="Compare with one a double can hold."
        )
    if abs(value) < 2**53 and value == int(value):
        return str(int(value))
    text = repr(value)  # with an exponent it is a double; without, a decimal that is rounded otherwise
    return text if "e" in text else f"{text}e0"
