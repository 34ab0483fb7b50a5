"""Conditions as SQL: Athena over a year of exported logs, DuckDB over a file on a laptop.

Both read one text column that holds a log line each, so keys keep their case and one statement serves both.
What makes the two agree is the JSON text of a field: `"403"` with its quotes is the string, `403` the number,
`true` the boolean, `{…` and `[…` can equal neither, and a missing field is NULL. A condition that comes out NULL is
no match; NOT is only applied where the operand cannot be NULL once its neighbours hold.

Athena (engine version 3) has Trino's functions: https://trino.io/docs/current/functions/json.html
DuckDB's: https://duckdb.org/docs/stable/data/json/json_functions
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlglot import exp

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
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Dialect", "condition", "render", "select"]

Dialect: TypeAlias = Literal["duckdb", "athena"]

Accessor: TypeAlias = Callable[[Path], exp.Expr]

_COLUMNS = {
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

_COMPARE = {
    Operator.EQ: exp.EQ,
    Operator.NE: exp.NEQ,
    Operator.LT: exp.LT,
    Operator.LE: exp.LTE,
    Operator.GT: exp.GT,
    Operator.GE: exp.GTE,
}


def render(expression: Expression, *, dialect: Dialect, message_column: str = "message") -> str:
    """The condition as the text of a WHERE clause.

    Args:
        expression: The condition.
        dialect: The SQL to write.
        message_column: The text column that holds the log line.

    Raises:
        AuditConfigurationError: SQL cannot say it; see `condition`.
    """
    return condition(expression, dialect=dialect, message=exp.column(message_column)).sql(dialect=dialect)


def select(expression: Expression, *, dialect: Dialect, table: str, message_column: str = "message") -> str:
    """A whole statement, laid out for reading: who did what from where, the 100 latest matches first.

    Args:
        expression: The condition.
        dialect: The SQL to write.
        table: The table or view to read, as written in SQL.
        message_column: The text column of it that holds the log line.

    Raises:
        AuditConfigurationError: SQL cannot say it; see `condition`.
    """
    message, event = exp.column(message_column), exp.column("event")
    writer = _Writer(dialect=dialect, value=_fields_of(event), message=message)
    parsed: exp.Expr = exp.TryCast(this=message, to=exp.DataType.build("json"))
    if dialect == "athena":  # where a cast makes a JSON string of the text instead of reading it
        parsed = exp.Try(this=exp.ParseJSON(this=message))
    columns = [
        exp.alias_(writer.text(path) if name == "sourceIPs" else writer.string(writer.value(path)), name)
        for name, path in _COLUMNS.items()
    ]
    statement = (
        exp.select(*columns)
        .with_("events", as_=exp.select(message, exp.alias_(parsed, "event")).from_(table, dialect=dialect))
        .from_("events")
        .where(writer.condition(expression))
        .order_by(exp.Ordered(this=exp.column("time"), desc=True, nulls_first=False))
        .limit(100)
    )
    return statement.sql(dialect=dialect, pretty=True)


def condition(
    expression: Expression, *, dialect: Dialect, value: Accessor | None = None, message: exp.Expr | None = None
) -> exp.Expr:
    """The condition as a SQL expression, true where it matches, false or NULL where it does not.

    Args:
        expression: The condition.
        dialect: The SQL it will be written in.
        value: The JSON-typed value of a path, NULL when the field is missing; of `()`, the event itself, NULL when
            the line is no JSON object. Default: extracted from `message`.
        message: The log line as text. Default: the column `message`.

    Raises:
        AuditConfigurationError: A path has more than one `[*]` or starts with one or with an index, a key holds a
            quote, a backslash or a control character, a value is no finite number or holds a control character.
    """
    line = exp.column("message") if message is None else message
    if value is None:
        # Athena's json_extract takes text, and makes NULL of what is no JSON; DuckDB's would raise.
        document = line if dialect == "athena" else exp.TryCast(this=line, to=exp.DataType.build("json"))
        value = _fields_of(document)
    return _Writer(dialect=dialect, value=value, message=line).condition(expression)


def _fields_of(document: exp.Expr) -> Accessor:
    return lambda path: _extract(document, path)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    dialect: Dialect
    value: Accessor
    message: exp.Expr

    def condition(self, expression: Expression) -> exp.Expr:
        match expression:
            case And(terms):
                return exp.and_(*map(self.condition, terms), copy=False) if terms else exp.true()
            case Or(terms):
                return exp.or_(*map(self.condition, terms), copy=False) if terms else exp.false()
            case Term():
                return self._term(expression)
            case Comparison(path):
                return self._of(path, lambda value: self._comparison(expression, value))
            case Is(path, constant):
                name = constant.name.lower()
                return self._of(path, lambda value: exp.EQ(this=self._text(value), expression=exp.convert(name)))
            case NotExists(path):
                return exp.and_(self._text(self.value(())).like("{%"), self._absent(path))
        raise TypeError(f"{expression!r} is no condition")

    def text(self, path: Path) -> exp.Expr:
        return self._text(self.value(path))

    def string(self, value: exp.Expr) -> exp.Expr:
        """A JSON string without its quotes and escapes."""
        function = "JSON_EXTRACT_STRING" if self.dialect == "duckdb" else "JSON_EXTRACT_SCALAR"
        extracted = value if isinstance(value, exp.Anonymous) and value.name == _EXTRACT else _extract(value, ())
        return exp.Anonymous(this=function, expressions=[part.copy() for part in extracted.expressions])

    def _text(self, value: exp.Expr) -> exp.Expr:
        """The JSON text of a value: what tells its type."""
        if self.dialect == "athena":
            return exp.JSONFormat(this=value.copy(), is_json=True)
        return exp.cast(value.copy(), "text")

    def _of(self, path: Path, test: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
        """The test on the value there; with `[*]`, on some element of the array there."""
        _check_path(path)
        if ANY_ELEMENT not in path:
            return test(self.value(path))
        at = path.index(ANY_ELEMENT)
        array, rest, element = self.value(path[:at]), path[at + 1 :], exp.column("element")
        body = exp.Lambda(this=test(_extract(element, rest) if rest else element), expressions=[element.this.copy()])
        if self.dialect == "athena":
            elements = exp.TryCast(this=array, to=exp.DataType.build("array<json>"))
            return exp.Anonymous(this="ANY_MATCH", expressions=[elements, body])
        found = exp.ArrayFilter(this=_extract(array, (ANY_ELEMENT,)), expression=body)
        return exp.GT(this=exp.Length(this=found), expression=exp.convert(0))

    def _absent(self, path: Path) -> exp.Expr:
        if ANY_ELEMENT not in path:
            return self._of(path, lambda value: value.is_(exp.null()))
        some = self._of(path, lambda value: value.is_(exp.null()).not_())
        return exp.not_(exp.func("COALESCE", some, exp.false()))

    def _comparison(self, expression: Comparison, value: exp.Expr) -> exp.Expr:
        text, wanted = self._text(value), expression.value
        equal = expression.operator is Operator.EQ
        if wanted == "*":
            first = exp.func("SUBSTR", text, exp.convert(1), exp.convert(1))
            return exp.not_(first.isin("{", "[", "n")) if equal else exp.false()  # n: null
        if isinstance(wanted, (int, float)):
            number = exp.TryCast(this=text, to=exp.DataType.build("double"))
            return _COMPARE[expression.operator](this=number, expression=_number(expression.path, wanted))
        is_string = text.like('"%')
        if isinstance(wanted, str) and "*" not in wanted:
            literal = exp.convert(json.dumps(_printable(expression.path, wanted), ensure_ascii=False))
            compared = _COMPARE[expression.operator](this=text, expression=literal)
            return compared if equal else exp.and_(is_string, compared)
        found = _like(self.string(value), wanted) if isinstance(wanted, str) else _search(self.string(value), wanted)
        return exp.and_(is_string, found if equal else exp.not_(found))

    def _term(self, expression: Term) -> exp.Expr:
        if isinstance(expression.text, Regex):
            found = _search(self.message.copy(), expression.text)
            return exp.not_(found) if expression.absent else found
        position = exp.StrPosition(this=self.message.copy(), substr=exp.convert(expression.text))
        compare = exp.EQ if expression.absent else exp.GT
        return compare(this=position, expression=exp.convert(0))


def _extract(document: exp.Expr, path: Path) -> exp.Expr:
    # Not exp.JSONExtract: in DuckDB that becomes the operator ->, which binds more loosely than = does.
    return exp.Anonymous(this=_EXTRACT, expressions=[document.copy(), _json_path(path)])


_EXTRACT = "JSON_EXTRACT"


def _json_path(path: Path) -> exp.JSONPath:
    segments: list[exp.Expr] = [exp.JSONPathRoot()]
    for segment in path:
        if isinstance(segment, str):
            segments.append(exp.JSONPathKey(this=segment))
        else:
            index = exp.JSONPathWildcard() if segment is ANY_ELEMENT else segment
            segments.append(exp.JSONPathSubscript(this=index))
    return exp.JSONPath(expressions=segments)


def _check_path(path: Path) -> None:
    where = selector(path)
    if not isinstance(path[0], str) or path.count(ANY_ELEMENT) > 1:
        raise AuditConfigurationError(
            where,
            value=where,
            limit="a path into an audit event begins with a key and holds at most one [*]",
            way_out="Name the key, and an index in place of the other [*].",
        )
    for key in path:
        if isinstance(key, str) and (key in ("", "*") or _UNSAFE_IN_KEY.search(key)):
            raise AuditConfigurationError(
                where,
                value=key,
                limit="a JSON path in SQL cannot name a key that is empty or *, or holds a quote or control character",
                way_out="Compare another field, or the line's text with message_contains().",
            )


_UNSAFE_IN_KEY = re.compile(r'["\\\x00-\x1f]')


def _number(path: Path, number: float) -> exp.Expr:
    if not abs(number) <= sys.float_info.max:
        raise AuditConfigurationError(
            selector(path), value=number, limit="SQL has no such number", way_out="Compare with one a double can hold."
        )
    if abs(number) < 2**53 and number == int(number):
        return exp.convert(int(number))
    text = repr(float(number))  # with an exponent it is a double; without, a decimal that is rounded otherwise
    return exp.Literal.number(text if "e" in text else f"{text}e0")


def _printable(path: Path, text: str) -> str:
    if _CONTROL.search(text):
        raise AuditConfigurationError(
            selector(path),
            value=text,
            limit="a control character has more than one spelling in JSON, so equal texts might differ",
            way_out="Put * in its place.",
        )
    return text


_CONTROL = re.compile(r"[\x00-\x1f]")


def _like(string: exp.Expr, glob: str) -> exp.Expr:
    escaped = re.sub(r"([\\%_])", r"\\\1", glob).replace("*", "%")
    like = string.like(escaped)
    return exp.Escape(this=like, expression=exp.convert("\\")) if "\\" in escaped else like


def _search(string: exp.Expr, regex: Regex) -> exp.Expr:
    return exp.RegexpLike(this=string, expression=exp.convert(regex.source))
