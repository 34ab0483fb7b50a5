"""What a condition says of a field's value: an operator, and what the value is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

__all__ = ["Constant", "Operand", "Operator", "Regex"]


class Operator(Enum):
    """A comparison operator, as CloudWatch writes it."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="

    @property
    def opposite(self) -> Operator:
        return _OPPOSITES[self]


_OPPOSITES = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.LT: Operator.GE,
    Operator.GE: Operator.LT,
    Operator.GT: Operator.LE,
    Operator.LE: Operator.GT,
}


class Constant(Enum):
    """An operand of `IS`."""

    TRUE = "TRUE"
    FALSE = "FALSE"
    NULL = "NULL"


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression in CloudWatch's syntax; matches anywhere in the text unless anchored."""

    source: str


Operand: TypeAlias = str | int | float | Regex
"""What a field is compared with; `*` in a `str` matches any text."""
