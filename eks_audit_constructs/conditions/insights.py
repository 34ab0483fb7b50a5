"""Render conditions as CloudWatch Logs Insights queries.

Insights flattens an event into fields and does not keep all of their types, so a query may match slightly more than
the filter pattern of the same condition: `"403"` may match where 403 was meant, and null may count as a missing field.
It matches less in one case that no query can avoid: in an event with more than 200 fields, the last ones are not found.
A condition on any element of an array becomes a search for its last key and its value anywhere in the text of the
event, which again matches more. A condition that a query could only get wrong is rejected.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Filter.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

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
    selector,
)
from eks_audit_constructs.conditions.insights_regexes import (
    ANY_TEXT,
    between_quotes,
    digits,
    glob,
    in_json,
    regex,
)
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["AUDIT_STREAM", "MAX_LENGTH", "audit_query", "check_query", "filter_clause"]

MAX_LENGTH = 10_000
"""Maximum characters of a query.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html"""

AUDIT_STREAM = "kube-apiserver-audit-"
"""Name prefix of the audit log's streams; the log group also holds those of other control plane components."""

_LINE = 100
"""Maximum characters of a condition on one line."""


def audit_query(condition: Expression, *, commands: Sequence[str], where: str, stream: str = AUDIT_STREAM) -> str:
    """Build a query over the audit events that match a condition.

    Args:
        condition: The condition; `EVERYTHING` for all events.
        commands: The commands that follow (`stats …`, `sort …`), without the `|` between them.
        where: The subject of an error: the query's or the detection's id.
        stream: Name prefix of the log streams to read; empty for all.

    Raises:
        AuditConfigurationError: Insights cannot express the condition (see `filter_clause`), or the query is too long.
    """
    clause = filter_clause(condition, where=where)
    streams = [f"filter @logStream like /^{stream}/"] if stream else []
    query = "\n| ".join([*streams, *([f"filter {clause}"] if clause else []), *commands])
    check_query(query, where)
    return query


def check_query(text: str, where: str) -> None:
    """Reject a query that CloudWatch would reject for its length.

    Raises:
        AuditConfigurationError: The query is empty or longer than 10,000 characters.
    """
    if not 0 < len(text) <= MAX_LENGTH:
        raise AuditConfigurationError(
            where,
            value=text,
            limit=f"a Logs Insights query has 1 to {MAX_LENGTH:,} characters, this one has {len(text):,}",
            way_out="Split it, or use fewer conditions: one regular expression instead of many equalities.",
        )


def filter_clause(expression: Expression, *, where: str) -> str:
    """Render a condition as the operand of `filter`; empty for `EVERYTHING`. Long conditions get a line for each part.

    Args:
        expression: The condition.
        where: The subject of an error: the query's or the detection's id.

    Raises:
        AuditConfigurationError: The condition contains `IS NULL`, anything but equality on `[*]`, a number that is not
            finite, a key with a backtick or a control character, or can never match.
    """
    return _Renderer(where=where).clause(expression).text()


@dataclass(frozen=True, slots=True)
class _Clause:
    """Conditions joined by `and` or by `or`. `and` without conditions matches everything."""

    word: Literal["and", "or"]
    parts: tuple[str, ...]

    def text(self) -> str:
        line = f" {self.word} ".join(self.parts)
        if len(line) <= _LINE and "\n" not in line:
            return line
        return f"\n  {self.word} ".join(self.parts)

    def inside(self, word: Literal["and", "or"]) -> tuple[str, ...]:
        """Return this clause as parts of a clause joined by `word`."""
        if self.word == word or len(self.parts) == 1:
            return self.parts
        indented = self.text().replace("\n", "\n  ")
        return (f"({indented})",)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Renderer:
    where: str

    def clause(self, expression: Expression) -> _Clause:
        match expression:
            case And(terms):
                return _join("and", [self.clause(term) for term in terms])
            case Or(terms):
                clauses = [self.clause(term) for term in _grouped(terms)]
                if not clauses:
                    raise self._never(expression)
                if _EVERYTHING in clauses:
                    return _EVERYTHING
                return _join("or", clauses)
            case _In(path, values):
                name, literals = self._name(path), [self._literal(value) for value in values]
                return _single(f"{name} in [{', '.join(literals)}]" if len(literals) > 1 else f"{name} = {literals[0]}")
            case Comparison():
                return self._comparison(expression)
            case Is(path, constant):
                return self._constant(path, constant)
            case NotExists(path):
                return _single(f"not ispresent({self._name(path)})")
            case Term(text, absent):
                like = "not like" if absent else "like"
                wanted = regex(text.source) if isinstance(text, Regex) else self._literal(text)
                return _single(f"@message {like} {wanted}")
        raise TypeError(f"{expression!r} is not a condition")

    def _comparison(self, comparison: Comparison) -> _Clause:
        if ANY_ELEMENT in comparison.path and comparison.operator is Operator.EQ:
            return self._in_text(comparison.path, comparison.value)
        name, sign, value = self._name(comparison.path), comparison.operator.value, comparison.value
        if isinstance(value, str) and value and not value.strip("*"):
            if comparison.operator is Operator.NE:
                raise self._never(comparison)
            return _single(f"ispresent({name})")
        if isinstance(value, NumberGlob):
            wanted = f"/^{digits(value.text)}$/"
            if comparison.operator is Operator.EQ:
                return _single(f"{name} like {wanted}")
            return _Clause("and", (f"{name} like /^-?[0-9]+$/", f"{name} not like {wanted}"))
        if isinstance(value, Regex) or (isinstance(value, str) and "*" in value):
            pattern = regex(value.source) if isinstance(value, Regex) else glob(value)
            sign, wanted = "like" if comparison.operator is Operator.EQ else "not like", pattern
        else:
            wanted = self._literal(value)
        test = f"{name} {sign} {wanted}"
        return _single(test) if comparison.operator is not Operator.NE else _Clause("and", (f"ispresent({name})", test))

    def _constant(self, path: Path, constant: Constant) -> _Clause:
        if constant is Constant.NULL:
            raise AuditConfigurationError(
                self.where,
                value=f"{selector(path)} IS NULL",
                limit="Logs Insights does not distinguish null from a missing field",
                way_out="Use not_exists(), or search the text with message_contains().",
            )
        if ANY_ELEMENT in path:
            return self._in_text(path, constant is Constant.TRUE)
        # Insights stores booleans as 1 and 0; the words match a field that it discovered as text.
        name, number = self._name(path), int(constant is Constant.TRUE)
        return _Clause("or", (f"{name} = {number}", f'{name} = "{constant.value.lower()}"'))

    def _name(self, path: Path) -> str:
        """Return the field's name as Insights flattens it: `sourceIPs.0`; in backticks if it has other characters."""
        if ANY_ELEMENT in path:
            raise AuditConfigurationError(
                self.where,
                value=selector(path),
                limit="Logs Insights has no [*]; only an equality can be searched for in the text instead",
                way_out="Compare with =, or name the element, as in sourceIPs[0].",
            )
        if ANY_FIELD in path:
            raise AuditConfigurationError(
                self.where,
                value=selector(path),
                limit="Logs Insights has no wildcard for fields",
                way_out="Name the field, or search the text with message_contains().",
            )
        name = ".".join(str(segment) for segment in path)
        if "`" in name:
            raise AuditConfigurationError(
                self.where,
                value=name,
                limit="a field name in Logs Insights cannot contain a backtick",
                way_out="Search the text with message_contains().",
            )
        self._check_characters(name)
        return name if _PLAIN_NAME.fullmatch(name) else f"`{name}`"

    def _in_text(self, path: Path, value: Operand) -> _Clause:
        """Search for the key and value of an element in the text of the event, which has no spaces between them."""
        *_, last = (at for at, segment in enumerate(path) if isinstance(segment, str))
        element = "".join(r"\[" if index == 0 else r"\[[^\]]*" for index in path[last + 1 :])
        if isinstance(value, Regex):
            branches = [between_quotes(branch) for branch in value.source.split("|")]  # these have no groups
            wanted = f'"(?:{"|".join(branches)})' if len(branches) > 1 else f'"{branches[0]}'
        elif isinstance(value, str):
            self._check_characters(value)
            wanted = f'"{ANY_TEXT.join(map(in_json, re.split(r"[*]+", value)))}"' if value.strip("*") else r"[^\[{n]"
        elif isinstance(value, NumberGlob):
            wanted = f"{digits(value.text)}[,}}\\]]"
        else:
            literal = str(value).lower() if isinstance(value, bool) else self._literal(value)
            wanted = f"{re.escape(literal)}[,}}\\]]"
        key = in_json(str(path[last]))
        found = f'"{key}":{element}{wanted}'
        return _single(f"@message like {regex(found)}")

    def _literal(self, value: str | int | float) -> str:
        if isinstance(value, str):
            self._check_characters(value)
            escaped = re.sub(r'["\\]', r"\\\g<0>", value)
            return f'"{escaped}"'
        if isinstance(value, float) and not math.isfinite(value):
            raise AuditConfigurationError(
                self.where, value=value, limit="a number must be finite", way_out="Compare with a finite number."
            )
        return str(int(value)) if value == int(value) else f"{Decimal(repr(value)):f}"  # no exponents

    def _check_characters(self, text: str) -> None:
        if _CONTROL.search(text):
            raise AuditConfigurationError(
                self.where,
                value=text,
                limit="a Logs Insights query loses control characters",
                way_out="Replace them with *.",
            )

    def _never(self, expression: Expression) -> AuditConfigurationError:
        return AuditConfigurationError(
            self.where, value=expression, limit="no event can ever match this", way_out="Remove it."
        )


_EVERYTHING = _Clause("and", ())
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9.]+")


@dataclass(frozen=True, slots=True)
class _In(Expression):
    """Equalities on one field, joined by `or`."""

    path: Path
    values: tuple[str | int | float, ...]


def _grouped(terms: tuple[Expression, ...]) -> list[Expression]:
    """Return the terms of an `Or`, with equalities on one field merged at the position of the first."""
    grouped: dict[object, Expression] = {}
    for term in terms:
        match term:
            case Comparison(path, Operator.EQ, str() | int() | float() as value) if (
                "*" not in str(value) and ANY_ELEMENT not in path
            ):
                key = path, isinstance(value, str)  # a list holds values of one type
                before = grouped.get(key)
                values = before.values if isinstance(before, _In) else ()
                grouped[key] = _In(path, tuple(dict.fromkeys((*values, value))))
            case _:
                grouped[term] = term
    return list(grouped.values())


def _single(text: str) -> _Clause:
    return _Clause("and", (text,))


def _join(word: Literal["and", "or"], clauses: list[_Clause]) -> _Clause:
    return _Clause(word, tuple(dict.fromkeys(part for clause in clauses for part in clause.inside(word))))
