"""What a condition says of a field's value: an operator, and what the value is compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Constant", "NumberGlob", "Operand", "Operator", "Regex"]


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

    def __post_init__(self) -> None:
        if not isinstance(self.source, str):
            raise AuditConfigurationError(
                "regular expression", value=self.source, limit="it must be text", way_out="Write it as in '^system:'"
            )


@dataclass(frozen=True, slots=True)
class NumberGlob:
    """A number with wildcards, as in `4*`: `*` matches any digits, or none, and at the front a minus sign as well.

    AWS's page says "use the asterisk as a wild card to match numbers", and that these are integers. So a whole number
    is compared as JSON writes it. About a number with a fraction or an exponent the page is silent: it matches neither
    `=` nor `!=`.

    Raises:
        AuditConfigurationError: The text is not digits and at least one `*`, with or without a minus sign.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.is_one(self.text):
            raise AuditConfigurationError(
                "number",
                value=self.text,
                limit="this is no number with wildcards",
                way_out="Write digits and *, as in 4*",
            )

    @staticmethod
    def is_one(text: str) -> bool:
        return isinstance(text, str) and _NUMBER_GLOB.fullmatch(text) is not None


_NUMBER_GLOB = re.compile(r"-?(?=.*[0-9])(?=.*\*)[0-9*]+")


Operand: TypeAlias = str | int | float | Regex | NumberGlob
"""What a field is compared with; `*` in a `str` matches any text."""
