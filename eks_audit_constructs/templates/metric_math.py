"""Metric math: the expression of an alarm on several metrics, parsed and checked.

What CloudWatch calculates at each point in time by itself can be evaluated. A function such as `AVG(m1)` of a single
metric takes all data points that an alarm fetches, and AWS does not document how many those are.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeAlias, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.templates.grammar import syntax_error

__all__ = [
    "COMBINING",
    "Array",
    "Call",
    "Formula",
    "Kind",
    "Metrics",
    "Number",
    "UnsupportedError",
    "Variable",
    "formulas",
    "kind",
]

_MAX_LENGTH = 2048
"""Characters in an expression. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html"""
_MAX_DEPTH = 100
_MAX_PARTS = 1000


@dataclass(frozen=True, slots=True)
class Number:
    """A number, which is the same at each point."""

    value: float


@dataclass(frozen=True, slots=True)
class Variable:
    """A metric, by its Id."""

    id: str


@dataclass(frozen=True, slots=True)
class Array:
    """An array of time series."""

    items: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an operator such as `+`, with its operands."""

    name: str
    arguments: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """`METRICS("part")`: the metrics whose Id has this part."""

    part: str


Formula: TypeAlias = Number | Variable | Array | Call | Metrics


class Kind(Enum):
    """What a formula results in."""

    SCALAR = "a number"
    SERIES = "a time series"
    ARRAY = "an array of time series"


class UnsupportedError(Exception):
    """Why an expression that CloudWatch may accept is not evaluated."""


COMBINING = frozenset({"AVG", "MAX", "MIN", "SUM"})
"""Functions that combine the time series of an array."""
_NAMES = {"||": "OR", "&&": "AND"}
_OPERATORS = ("+", "-", "*", "/", "^", "==", "!=", "<", "<=", ">", ">=", "AND", "OR")
_ARGUMENTS = {
    **dict.fromkeys(_OPERATORS, (2, 2)),
    **dict.fromkeys(("ABS", "CEIL", "FLOOR", *COMBINING), (1, 1)),
    "FILL": (2, 2),
    "IF": (2, 3),
}
"""The operators and functions that are evaluated, and how many arguments they take."""


def kind(formula: Formula) -> Kind:
    """Return what a formula results in."""
    match formula:
        case Number():
            return Kind.SCALAR
        case Variable():
            return Kind.SERIES
        case Array() | Metrics():
            return Kind.ARRAY
        case Call(name, _) if name in COMBINING:
            return Kind.SERIES
        case Call(_, arguments):
            kinds = {kind(argument) for argument in arguments}
            return next(each for each in (Kind.ARRAY, Kind.SERIES, Kind.SCALAR) if each in kinds)


def formulas(expressions: Mapping[str, str], metrics: Sequence[str], *, where: str) -> dict[str, Formula]:
    """Return the formulas that expressions describe, with those of other expressions that they use put in.

    Args:
        expressions: The expressions by Id, as in `100 * errors / requests`.
        metrics: The Ids of the metrics, in order.
        where: What an error names.

    Raises:
        TemplateError: CloudWatch would reject an expression.
        UnsupportedError: One is not evaluated.
    """
    found: dict[str, Formula] = {id: Variable(id) for id in metrics}
    waiting = {id: _parsed(text, where) for id, text in expressions.items()}
    while waiting:
        ready = [id for id, tree in waiting.items() if waiting.keys().isdisjoint(_ids(tree))]
        if not ready:
            id = next(iter(waiting))
            raise _rejected(where, expressions[id], f"the expression {id} leads back to itself")
        for id in ready:
            try:
                found[id] = _Resolver(found, metrics).resolved(waiting.pop(id), 1)
            except _RejectedError as error:
                raise _rejected(where, expressions[id], str(error)) from None
            # Expressions that use others several times grow fast.
            if sum(1 for _ in islice(_parts(found[id]), _MAX_PARTS + 1)) > _MAX_PARTS:
                raise UnsupportedError(f"metric math of more than {_MAX_PARTS:,} parts is not evaluated")
    return found


def _parsed(text: str, where: str) -> Formula:
    if len(text) > _MAX_LENGTH:
        raise _rejected(where, text, f"an expression of {len(text):,} characters; CloudWatch takes {_MAX_LENGTH:,}")
    try:
        return cast(Formula, _parser().parse(text))  # the result of its transformer
    except UnexpectedInput as error:
        raise _rejected(where, text, syntax_error(error)) from None


def _rejected(where: str, text: str, limit: str) -> TemplateError:
    way_out = "Write an expression like 100 * errors / requests"
    return TemplateError(where, value=text, limit=limit, way_out=way_out)


def _ids(formula: Formula) -> set[str]:
    return {part.id for part in _parts(formula) if isinstance(part, Variable)}


def _parts(formula: Formula) -> Iterator[Formula]:
    """Yield a formula and all formulas in it."""
    waiting = [formula]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, Array):
            waiting += part.items
        elif isinstance(part, Call):
            waiting += part.arguments


class _RejectedError(Exception):
    """Why CloudWatch would reject an expression."""


class _Resolver:
    """Puts formulas in the place of Ids; refuses what has the wrong kind or needs other points in time."""

    def __init__(self, formulas: Mapping[str, Formula], metrics: Sequence[str]) -> None:
        self.formulas, self.metrics = formulas, metrics

    def resolved(self, tree: Formula, depth: int) -> Formula:
        if depth > _MAX_DEPTH:
            raise UnsupportedError(f"metric math of more than {_MAX_DEPTH} levels is not evaluated")
        match tree:
            case Number(value):
                if not math.isfinite(value):
                    raise _RejectedError("a number is too large")
                return tree
            case Variable(id):
                if id not in self.formulas:
                    raise _RejectedError(f"no metric or expression of the alarm has the Id {id}")
                return self.formulas[id]
            case Array(items):
                return self._array([self.resolved(item, depth + 1) for item in items])
            case Metrics(part):
                return Array(tuple(Variable(id) for id in self.metrics if part in id))
            case Call(name, arguments):
                return self._call(name, [self.resolved(argument, depth + 1) for argument in arguments])

    def _array(self, items: Sequence[Formula]) -> Formula:
        if any(kind(item) is Kind.SCALAR for item in items):
            raise _RejectedError("an array has time series, not numbers")
        return Array(tuple(items))

    def _call(self, name: str, arguments: Sequence[Formula]) -> Formula:
        kinds = [kind(argument) for argument in arguments]
        if name not in _ARGUMENTS:
            raise UnsupportedError(f"its function {name} is not evaluated")
        fewest, most = _ARGUMENTS[name]
        if not fewest <= len(arguments) <= most:
            raise _RejectedError(f"{name} takes {' or '.join(map(str, sorted({fewest, most})))} arguments")
        if name in COMBINING and kinds != [Kind.ARRAY]:
            raise UnsupportedError(
                f"{name} of a single metric depends on how many data points CloudWatch fetches, which is not documented"
            )
        if name in ("FILL", "ABS", "CEIL", "FLOOR") and kinds[0] is Kind.SCALAR:
            raise _RejectedError(f"{name} takes a time series, not a number")
        alone = kinds.count(Kind.ARRAY) <= (0 if name == "IF" else 1) and (name != "FILL" or kinds[1] is not Kind.ARRAY)
        if not alone:
            raise UnsupportedError(f"AWS does not document what {name} makes of these arrays")
        return Call(name, tuple(arguments))


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_suffix(".lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True, transformer=_Builder())


class _Builder(Transformer[Token, Formula]):
    """Builds the formula bottom-up; the methods are named after the rules of the grammar."""

    def start(self, parts: list[Formula]) -> Formula:
        return parts[0]

    def number(self, parts: list[Token]) -> Formula:
        return Number(float(parts[0]))

    def variable(self, parts: list[Token]) -> Formula:
        return Variable(str(parts[0]))

    def metrics(self, parts: list[Token | None]) -> Formula:
        return Metrics("" if parts[0] is None else parts[0][1:-1])

    def array(self, parts: list[Formula]) -> Formula:
        return Array(tuple(parts))

    def negative(self, parts: list[Formula]) -> Formula:
        return Call("-", (Number(0), parts[1]))

    def operation(self, parts: list[Formula | Token]) -> Formula:
        left, sign, right = cast(tuple[Formula, Token, Formula], parts)
        return Call(_NAMES.get(sign, str(sign)), (left, right))

    def call(self, parts: list[Formula | Token | None]) -> Formula:
        name, *arguments = parts
        return Call(str(name), tuple(cast(list[Formula], [part for part in arguments if part is not None])))
