"""Render conditions as SQL, in two dialects.

DuckDB reads logs on a laptop, Athena reads the archive. Both get a log line as text, so keys keep their case. They
agree because both compare the JSON text of a field: `"403"` with its quotes is the string, `403` the number, `{…` and
`[…` equal neither, and a missing field is NULL. A condition that evaluates to NULL does not match; NOT is only applied
where its operand cannot be NULL once its neighbours hold. In DuckDB, `field("verb") != "get"` is

    (starts_with(json_extract(event, '$.verb')::varchar, '"') and json_extract(event, '$.verb')::varchar <> '"get"')

Athena (engine version 3) uses Trino's functions: https://trino.io/docs/current/functions/json.html
DuckDB's functions: https://duckdb.org/docs/stable/data/json/json_functions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    ANY_FIELD,
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    NumberGlob,
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
"""The columns of `select`, by name."""


class Fields:
    """The SQL for an event and its fields. This class extracts them from a JSON document each time.

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
        """Whether the line is a JSON object."""
        return f"{self.dialect.text(self.json(()))} like '{{%'"

    def json(self, path: Path) -> str:
        """Return the JSON value at a path, NULL if the field is missing."""
        return self.dialect.extract(self.document, path)

    def string(self, path: Path) -> str:
        """Return the string at a path, NULL for any other value."""
        return self.dialect.string(self.json(path))

    def number(self, path: Path) -> str:
        """Return the number at a path, NULL for any other value."""
        return self.dialect.number(self.json(path))

    def is_text(self, path: Path) -> bool:
        """Return whether the field is available as text, so that its JSON need not be compared."""
        return False


def render(expression: Expression, *, dialect: Dialect, message_column: str = "message") -> str:
    """Render a condition as the text of a WHERE clause.

    Args:
        expression: The condition.
        dialect: `DUCKDB` or `ATHENA`.
        message_column: The text column that holds the log line.

    Raises:
        UnsupportedInSqlError: SQL cannot express the condition; see `condition`.
    """
    document = dialect.document(message_column)
    return condition(expression, Fields(dialect, line=message_column, document=document))


def select(expression: Expression, *, dialect: Dialect, table: str, message_column: str = "message") -> str:
    """Render a whole, readable statement: who did what from where, the latest 100 matches, newest first.

    Args:
        expression: The condition.
        dialect: `DUCKDB` or `ATHENA`.
        table: The table or view to read, as written in SQL.
        message_column: Its text column that holds the log line.

    Raises:
        UnsupportedInSqlError: SQL cannot express the condition; see `condition`.
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
    """Render a condition, with its parts on separate lines if it is long."""
    whole = condition(expression, fields)
    if len(whole) <= 100 or not isinstance(expression, And | Or):
        return whole
    word = "and" if isinstance(expression, And) else "or"
    parts = [_laid_out(term, fields, f"{indent}  ") for term in expression.terms]
    return f"(\n{indent}  " + f"\n{indent}  {word} ".join(parts) + f"\n{indent})"


def condition(expression: Expression, fields: Fields) -> str:
    """Render a condition as a SQL expression: true if it matches, false or NULL if it does not.

    Args:
        expression: The condition.
        fields: The SQL for the event's fields, and the dialect.

    Raises:
        UnsupportedInSqlError: A path has more than one `[*]`, a `.*`, or begins with an index; a key is empty or `*`,
            or has a quote, a backslash or a control character; a number is not finite; or a text cannot be a SQL
            literal.
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
        case Comparison(path, sign, NumberGlob(text)):
            return _on_value(path, fields, lambda value: _matches(dialect.digits(value), sign, text, dialect))
        case Is(path, constant):
            name = constant.name.lower()
            return _on_value(path, fields, lambda value: f"{dialect.text(value)} = {literal(name)}", name)
        case NotExists(path):
            if ANY_ELEMENT not in path:
                return f"({fields.is_event} and {fields.json(_checked(path))} is null)"
            some = _on_value(path, fields, lambda value: f"{value} is not null")
            return f"({fields.is_event} and not coalesce({some}, false))"
    raise TypeError(f"{expression!r} is not a condition")


_SIGNS = {sign: "<>" if sign is Operator.NE else sign.value for sign in Operator}


def is_prefix(wanted: str) -> bool:
    """Return whether a glob only tests for a prefix, which is fast."""
    return wanted.endswith("*") and wanted.strip("*") != "" and "*" not in wanted.rstrip("*")


def _on_value(path: Path, fields: Fields, test: Callable[[str], str], within: str = "") -> str:
    """Apply a test to the value at a path; with `[*]`, to each element of an array whose text contains `within`."""
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
    """Compare a string; as JSON text if possible, which avoids decoding it."""
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
    """Return the longest text that every match contains, or "" if unknown; JSON may spell it with a backslash."""
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
    """Compare JSON text: both dialects write a string in one way, escaping only what JSON requires."""
    written = json.dumps(wanted.rstrip("*"), ensure_ascii=False)
    if "*" in wanted:
        found = f"starts_with({text}, {literal(written[:-1])})"
        return found if sign is Operator.EQ else f"(starts_with({text}, '\"') and not {found})"
    equal = f"{text} {_SIGNS[sign]} {literal(written)}"
    return equal if sign is Operator.EQ else f"(starts_with({text}, '\"') and {equal})"


def _checked(path: Path) -> Path:
    if not path or not isinstance(path[0], str) or path.count(ANY_ELEMENT) > 1 or ANY_FIELD in path:
        raise UnsupportedInSqlError(
            selector(path),
            value=selector(path),
            limit="a path into an audit event begins with a key and holds at most one [*], and no .*",
            way_out="Begin with a key, give an index for all arrays but one, and name the field.",
        )
    return path


def _number(path: Path, wanted: float) -> str:
    try:
        value = float(wanted)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise UnsupportedInSqlError(
            selector(path), value=wanted, limit="SQL has no such number", way_out="Compare with a finite double."
        )
    if abs(value) < 2**53 and value == int(value):
        return str(int(value))
    text = repr(value)  # without an exponent it would be a decimal, which rounds differently
    return text if "e" in text else f"{text}e0"
