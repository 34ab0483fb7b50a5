"""Values of a query as DuckDB SQL, and their conversion to other kinds.

Fields of an event are text; those that look like numbers can be used as numbers. NULL is a missing value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from eks_audit_constructs.conditions.sql import literal

__all__ = [
    "Kind",
    "UnsupportedInQueryError",
    "Value",
    "json_pointer",
    "number",
    "pointers",
    "sort_key",
    "text",
    "truth",
]


class Kind(Enum):
    """The kind of a value, known before the query runs, and its SQL type."""

    TEXT = "text"
    """VARCHAR: a field, or the result of a function of text."""
    QUOTED = "quoted text"
    """VARCHAR: quoted text in the query."""
    NUMBER = "a number"
    """DOUBLE, always finite."""
    TIME = "a time"
    """BIGINT: microseconds since 1970."""
    TRUTH = "true or false"
    """BOOLEAN"""
    MAP = "a map or list"
    """JSON"""


@dataclass(frozen=True, slots=True)
class Value:
    """A value as SQL."""

    kind: Kind
    sql: str
    constant: str | float | None = None
    """The value itself, if it is a constant in the query."""
    json: str | None = None
    """The JSON that it is a part of, as SQL: what jsonParse() returns, and its parts."""


class UnsupportedInQueryError(Exception):
    """A value cannot be used this way; the place in the query is added where it is known."""

    def __init__(self, limit: str, way_out: str) -> None:
        super().__init__(limit)
        self.limit, self.way_out = limit, way_out


def number(value: Value) -> str:
    """Convert a value to a number: NULL for other text, milliseconds for times, 1 and 0 for true and false."""
    match value.kind:
        case Kind.NUMBER:
            return value.sql
        case Kind.TIME:
            return f"({value.sql} // 1000)::double"
        case Kind.TRUTH:
            return f"({value.sql})::int::double"
        case Kind.MAP:
            return "null::double"
    return f"num({value.sql})"


def text(value: Value) -> str:
    """Convert a value to text; a map becomes a missing value, as in CloudWatch.

    Raises:
        UnsupportedInQueryError: The value is a time.
    """
    match value.kind:
        case Kind.NUMBER | Kind.TRUTH:
            return f"shown({number(value)})"
        case Kind.TIME:
            raise UnsupportedInQueryError(
                "a time cannot be used as text in a query", "Use toMillis() on it, or bin() and datefloor()."
            )
        case Kind.MAP:
            return "null::varchar"
    return value.sql


def truth(value: Value) -> str:
    """Convert a value to a condition; a number is true unless it is 0.

    Raises:
        UnsupportedInQueryError: The value is text, a time or a map.
    """
    match value.kind:
        case Kind.TRUTH:
            return value.sql
        case Kind.NUMBER:
            return f"({value.sql} <> 0)"
    raise UnsupportedInQueryError(
        f"this is {value.kind.value}, but a condition is expected", "Compare it with something."
    )


def sort_key(value: Value, *, descending: bool) -> list[str]:
    """Return the arguments of DuckDB's `create_sort_key` for one key. Missing values come last in both directions.

    Ascending, text comes before numbers, in natural order. Equal numbers come in the order of their text: 01 before 1.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Sort.html

    Raises:
        UnsupportedInQueryError: The value is a map.
    """
    order = literal(f"{'desc' if descending else 'asc'} nulls last")
    if value.kind is Kind.MAP:
        raise UnsupportedInQueryError("maps and lists cannot be sorted", "Sort by one of its fields.")
    if value.kind not in (Kind.TEXT, Kind.QUOTED):
        return [value.sql, order]
    numeric = number(value)
    last = literal("asc nulls last")
    return [
        *(f"{value.sql} is null", last),
        *(f"{numeric} is not null", order),
        *(numeric, order),
        *(f"if({numeric} is null, natural_order({value.sql}), {value.sql})", order),
    ]


def pointers(name: str) -> list[str]:
    """Return JSON pointers to where a flattened field may be in an event, the likeliest first.

    A dot in `annotations.authorization.k8s.io/decision` either separates two keys or belongs to one. All variants in
    which at most one key contains dots are tried; the first that leads to a value is used.
    """
    segments = name.split(".")
    count = len(segments)
    ways = [segments]
    for length in range(2, count + 1):
        ways += (
            [*segments[:first], ".".join(segments[first : first + length]), *segments[first + length :]]
            for first in range(count - length + 1)
        )
    return list(map(json_pointer, ways))


def json_pointer(keys: Iterable[str]) -> str:
    """Return keys and indexes as a JSON pointer (RFC 6901)."""
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys)
