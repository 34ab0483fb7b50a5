"""Values of a query as DuckDB SQL, and what becomes of one where another kind is wanted.

Fields of an event are text; numbers are those that look like one. NULL is a missing value.
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
    """What a value is before the query runs, and its type in SQL."""

    TEXT = "text"
    """VARCHAR: a field, or what a function makes of one."""
    QUOTED = "quoted text"
    """VARCHAR: a text in the query."""
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
    """The value itself if it stands in the query."""


class UnsupportedInQueryError(Exception):
    """Why a value cannot be had as asked, without its place in the query."""

    def __init__(self, limit: str, way_out: str) -> None:
        super().__init__(limit)
        self.limit, self.way_out = limit, way_out


def number(value: Value) -> str:
    """The value as a number: NULL for text that is none, milliseconds for times, 1 and 0 for truth."""
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
    """The value as text; that of a map is missing, as CloudWatch has it.

    Raises:
        UnsupportedInQueryError: It is a time.
    """
    match value.kind:
        case Kind.NUMBER | Kind.TRUTH:
            return f"shown({number(value)})"
        case Kind.TIME:
            raise UnsupportedInQueryError(
                "a time is no text in a query", "Use toMillis() on it, or bin() and datefloor()."
            )
        case Kind.MAP:
            return "null::varchar"
    return value.sql


def truth(value: Value) -> str:
    """The value as a condition; a number is true unless it is 0.

    Raises:
        UnsupportedInQueryError: It is text, a time or a map.
    """
    match value.kind:
        case Kind.TRUTH:
            return value.sql
        case Kind.NUMBER:
            return f"({value.sql} <> 0)"
    raise UnsupportedInQueryError(
        f"this is {value.kind.value}, and a condition is wanted", "Compare it with something."
    )


def sort_key(value: Value, *, descending: bool) -> list[str]:
    """The arguments of DuckDB's `create_sort_key` for one key. Missing values come last in both directions.

    Ascending, text comes before numbers, in natural order.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Sort.html

    Raises:
        UnsupportedInQueryError: It is a map.
    """
    order = literal(f"{'desc' if descending else 'asc'} nulls last")
    if value.kind is Kind.MAP:
        raise UnsupportedInQueryError("maps and lists have no order", "Sort by a field of it.")
    if value.kind not in (Kind.TEXT, Kind.QUOTED):
        return [value.sql, order]
    numeric = number(value)
    last = literal("asc nulls last")
    return [
        *(f"{value.sql} is null", last),
        *(f"{numeric} is not null", order),
        *(numeric, order),
        *(f"natural_order({value.sql})", order),
    ]


def pointers(name: str) -> list[str]:
    """Where a flattened field may be in an event, as JSON pointers, the likeliest first.

    A dot in `annotations.authorization.k8s.io/decision` either parts two keys or belongs to one. Every way is tried
    in which at most one key has dots in it; the first that leads to a value counts.
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
    """Keys and indexes as a JSON pointer (RFC 6901)."""
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys)
