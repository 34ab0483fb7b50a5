"""The functions of Logs Insights, in DuckDB SQL.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from eks_audit_constructs.insights.values import Kind, UnsupportedInQueryError, Value, number, sort_key, text

__all__ = ["AGGREGATES", "SCALARS", "Aggregate", "Scalar"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A function of the values of one row."""

    fewest: int
    most: int | None
    build: Callable[..., Value]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of many rows, built from its arguments and the SQL of `@timestamp`; None if there is none."""

    fewest: int
    most: int
    build: Callable[[tuple[Value, ...], str | None], Value]


_Values: TypeAlias = tuple[Value, ...]


def _number(sql: str) -> Value:
    return Value(Kind.NUMBER, f"finite({sql})")


def _text(sql: str) -> Value:
    return Value(Kind.TEXT, sql)


def _truth(sql: str) -> Value:
    return Value(Kind.TRUTH, sql)


def _coalesce(*values: Value) -> Value:
    kinds = {Kind.TEXT if value.kind is Kind.QUOTED else value.kind for value in values}
    if len(kinds) == 1:
        return Value(kinds.pop(), f"coalesce({', '.join(value.sql for value in values)})")
    return _text(f"coalesce({', '.join(map(text, values))})")


def _substr(source: Value, start: Value, length: Value | None = None) -> Value:
    for given in (start, length):
        if given is not None and isinstance(given.constant, float) and given.constant < 0:
            raise UnsupportedInQueryError("the index and length of substr() are 0 or more", "Count from the beginning.")
    index = f"least(greatest({number(start)}, 0), 1e9)::bigint + 1"
    rest = "" if length is None else f", least(greatest({number(length)}, 0), 1e9)::bigint"
    return _text(f"substr({text(source)}, {index}{rest})")


def _trim(function: str) -> Scalar:
    def build(source: Value, characters: Value | None = None) -> Value:
        removed = "white()" if characters is None else text(characters)
        return _text(f"{function}({text(source)}, {removed})")

    return Scalar(1, 2, build)


def _of_numbers(function: str, least: int = 1, most: int | None = 1) -> Scalar:
    return Scalar(least, most, lambda *values: _number(f"{function}({', '.join(map(number, values))})"))


def _of_text(function: str) -> Scalar:
    return Scalar(1, 1, lambda source: _text(f"{function}({text(source)})"))


def _subnet(versions: tuple[int, ...]) -> Scalar:
    def build(address: Value, subnet: Value) -> Value:
        if not isinstance(subnet.constant, str):
            raise UnsupportedInQueryError(
                "the subnet must be quoted text in the query", 'Write it out, as in "10.0.0.0/8".'
            )
        try:
            network = ipaddress.ip_network(subnet.constant, strict=False)
        except ValueError as error:
            raise UnsupportedInQueryError(f"not a subnet: {error}", 'Use CIDR notation, as in "10.0.0.0/8".') from error
        if network.version not in versions:
            raise UnsupportedInQueryError(
                f"this is an IPv{network.version} subnet", "Use isIpInSubnet(), which takes both."
            )
        first, last = int(network.network_address), int(network.broadcast_address)
        if network.version == 4:
            return _truth(f"coalesce(ip4({text(address)}) between {first} and {last}, false)")
        return _truth(f"coalesce(ip6({text(address)}) between '{first:032x}' and '{last:032x}', false)")

    return Scalar(2, 2, build)


def _valid(*functions: str) -> Scalar:
    def build(address: Value) -> Value:
        return _truth("(" + " or ".join(f"{function}({text(address)}) is not null" for function in functions) + ")")

    return Scalar(1, 1, build)


def _is_present(value: Value) -> Value:
    return _truth(f"({value.sql} is not null)")


def _is_empty(value: Value) -> Value:
    return _number(f"(coalesce({text(value)}, '') = '')::int::double")


def _is_blank(value: Value) -> Value:
    return _number(rf"(not regexp_matches(coalesce({text(value)}, ''), '\S'))::int::double")


def _replace(source: Value, old: Value, new: Value) -> Value:
    return _text(f"replace({text(source)}, {text(old)}, {text(new)})")


def _json_stringify(value: Value) -> Value:
    if value.json is None:
        raise UnsupportedInQueryError("jsonStringify() takes a map or list", "Pass it the result of jsonParse().")
    return _text(f"case when left({value.json}::varchar, 1) in ('{{', '[') then {value.json}::varchar end")


def _json_parse(value: Value) -> Value:
    parsed = f"structure({text(value)})"
    return Value(Kind.MAP, parsed, json=parsed)


def _from_millis(value: Value) -> Value:
    return Value(Kind.TIME, f"in_calendar({number(value)} * 1000)")


def _to_millis(value: Value) -> Value:
    if value.kind is not Kind.TIME:
        raise UnsupportedInQueryError("toMillis() takes a time", "Pass it @timestamp.")
    return _number(number(value))


SCALARS = {
    "abs": _of_numbers("abs"),
    "ceil": _of_numbers("ceil"),
    "coalesce": Scalar(1, None, _coalesce),
    "concat": Scalar(1, None, lambda *values: _text(f"concat({', '.join(map(text, values))})")),
    "floor": _of_numbers("floor"),
    "frommillis": Scalar(1, 1, _from_millis),
    "greatest": _of_numbers("greatest", 1, None),
    "isblank": Scalar(1, 1, _is_blank),
    "isempty": Scalar(1, 1, _is_empty),
    "isipinsubnet": _subnet((4, 6)),
    "isipv4insubnet": _subnet((4,)),
    "isipv6insubnet": _subnet((6,)),
    "ispresent": Scalar(1, 1, _is_present),
    "isvalidip": _valid("ip4", "ip6"),
    "isvalidipv4": _valid("ip4"),
    "isvalidipv6": _valid("ip6"),
    "jsonparse": Scalar(1, 1, _json_parse),
    "jsonstringify": Scalar(1, 1, _json_stringify),
    "least": _of_numbers("least", 1, None),
    "log": Scalar(1, 1, lambda value: _number(f"case when {number(value)} > 0 then ln({number(value)}) end")),
    "ltrim": _trim("ltrim"),
    "replace": Scalar(3, 3, _replace),
    "reverse": _of_text("reverse"),
    "rtrim": _trim("rtrim"),
    "sqrt": Scalar(1, 1, lambda value: _number(f"case when {number(value)} >= 0 then sqrt({number(value)}) end")),
    "strcontains": Scalar(2, 2, lambda source, part: _number(f"contains({text(source)}, {text(part)})::int::double")),
    "strlen": Scalar(1, 1, lambda source: _number(f"length({text(source)})::double")),
    "substr": Scalar(2, 3, _substr),
    "tolower": _of_text("lower"),
    "tomillis": Scalar(1, 1, _to_millis),
    "toupper": _of_text("upper"),
    "trim": _trim("trim"),
}
"""Functions by lower-case name. Those that take periods, and `now`, are in `expressions`."""


def _comparable(value: Value) -> Value:
    if value.kind is Kind.MAP:
        raise UnsupportedInQueryError("maps and lists cannot be aggregated", "Aggregate one of its fields.")
    return value


def _extreme(function: str) -> Aggregate:
    def build(values: _Values, _: str | None) -> Value:
        value = _comparable(values[0])
        if value.kind in (Kind.TEXT, Kind.QUOTED):
            return _text(f"coalesce(shown({function}({number(value)})), {function}({value.sql}))")
        return Value(value.kind, f"{function}({value.sql})")

    return Aggregate(1, 1, build)


def _of_field(function: str) -> Aggregate:
    return Aggregate(1, 1, lambda values, _: _number(f"{function}({number(_comparable(values[0]))})"))


def _by_time(function: str) -> Aggregate:
    def build(values: _Values, time: str | None) -> Value:
        if time is None:
            raise UnsupportedInQueryError(
                "after the first stats there is no @timestamp", "Aggregate it in that stats, as in max(@timestamp)."
            )
        value = _comparable(values[0])
        moment, moment_and_value = f"{time} is not null", f"{{'at': {time}, 'value': {value.sql}}}"
        return Value(value.kind, f"{function}({value.sql}, case when {moment} then {moment_and_value} end)")

    return Aggregate(1, 1, build)


def _by_order(*, descending: bool) -> Aggregate:
    def build(values: _Values, _: str | None) -> Value:
        value = _comparable(values[0])
        return Value(
            value.kind, f"arg_min({value.sql}, create_sort_key({', '.join(sort_key(value, descending=descending))}))"
        )

    return Aggregate(1, 1, build)


def _percentile(values: _Values, _: str | None) -> Value:
    value, percent = values
    if not isinstance(percent.constant, float) or not 0 <= percent.constant <= 100:
        raise UnsupportedInQueryError("a percentile is a number from 0 to 100", "Write it out, as in pct(bytes, 95).")
    return _number(f"quantile_disc({number(_comparable(value))}, {percent.constant / 100!r})")


def _count(values: _Values, _: str | None) -> Value:
    return _number(f"count({_comparable(values[0]).sql if values else '*'})::double")


def _count_distinct(values: _Values, _: str | None) -> Value:
    return _number(f"count(distinct {_comparable(values[0]).sql})::double")


AGGREGATES = {
    "avg": _of_field("avg"),
    "count": Aggregate(0, 1, _count),
    "count_distinct": Aggregate(1, 1, _count_distinct),
    "countdistinct": Aggregate(1, 1, _count_distinct),
    "earliest": _by_time("arg_min"),
    "latest": _by_time("arg_max"),
    "max": _extreme("max"),
    "median": _of_field("median"),
    "min": _extreme("min"),
    "pct": Aggregate(2, 2, _percentile),
    "sortsfirst": _by_order(descending=False),
    "sortslast": _by_order(descending=True),
    "stddev": _of_field("stddev_pop"),
    "sum": _of_field("sum"),
    "variance": _of_field("var_pop"),
}
"""Aggregate functions by lower-case name. Missing values are ignored.

`pct` returns a value that occurs (nearest rank), `median` the mean of the middle two; `stddev` and `variance` are those
of a population, since the values are all there are; `min` and `max` of a field consider only its numbers if it has any;
among events with the same time, `earliest` returns the smallest value and `latest` the greatest.
"""
