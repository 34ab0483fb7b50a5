"""Calculate metric math at one point in time.

A point that a metric lacks counts as 0 where another metric has one. A division by zero leaves no data point.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from eks_audit_constructs.replay.series import total
from eks_audit_constructs.templates.metric_math import Array, Call, Formula, Kind, Metrics, Number, Variable, kind

__all__ = ["calculated"]

_OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": math.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "AND": lambda left, right: left != 0 and right != 0,
    "OR": lambda left, right: left != 0 or right != 0,
}
_OF_EACH: Mapping[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}


def calculated(formula: Formula, values: Mapping[str, float | None]) -> float | None:
    """Return the value of a formula that results in a time series or a number; None without a data point.

    Args:
        formula: The formula.
        values: The values of the metrics by Id; None for one that has no data point.
    """
    match formula:
        case Number(value):
            return value
        case Variable(id):
            return values[id]
        case Array() | Metrics():
            raise AssertionError("an array has no single value")
        case Call("IF", (condition, *branches)):
            return _chosen(condition, branches, values)
        case Call("FILL", (series, filler)):
            present = calculated(series, values)
            return calculated(filler, values) if present is None else present
        case Call(name, (argument,)) if name in _OF_EACH:
            operand = calculated(argument, values)
            return None if operand is None or not math.isfinite(operand) else float(_OF_EACH[name](operand))
        case Call(name, (argument,)):
            return _combined(name, [calculated(each, values) for each in _items(argument)])
        case Call(sign, arguments):
            return _operated(sign, arguments, values)


def _items(formula: Formula) -> list[Formula]:
    """Return the time series of an array: an operator or a function of an array is one of each of its series."""
    if isinstance(formula, Array):
        return [part for item in formula.items for part in (_items(item) if kind(item) is Kind.ARRAY else [item])]
    assert isinstance(formula, Call)  # nothing else results in an array
    columns = [(_items(part) if kind(part) is Kind.ARRAY else part) for part in formula.arguments]
    number = next(len(column) for column in columns if isinstance(column, list))
    return [
        Call(formula.name, tuple(column[index] if isinstance(column, list) else column for column in columns))
        for index in range(number)
    ]


def _combined(name: str, values: list[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    if not present:
        return None
    match name:
        case "SUM":
            return total(present)
        case "AVG":
            return total(present) / len(values)
        case "MIN":
            return min(present)
        case _:
            return max(present)


def _operated(sign: str, operands: tuple[Formula, ...], values: Mapping[str, float | None]) -> float | None:
    found = [(calculated(operand, values), kind(operand)) for operand in operands]
    series = [value for value, of in found if of is Kind.SERIES]
    if (series and all(value is None for value in series)) or (None, Kind.SCALAR) in found:
        return None
    left, right = (0.0 if value is None else value for value, _ in found)
    try:
        result = float(_OPERATORS[sign](left, right))
    except (ArithmeticError, ValueError):
        return None
    return result if math.isfinite(result) else None


def _chosen(condition: Formula, branches: list[Formula], values: Mapping[str, float | None]) -> float | None:
    holds = calculated(condition, values)
    if holds is None:
        return None
    if holds:
        value = calculated(branches[0], values)
        return 0.0 if value is None and kind(condition) is Kind.SERIES else value
    return calculated(branches[1], values) if len(branches) > 1 else None
