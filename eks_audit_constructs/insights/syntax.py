"""The syntax tree of a Logs Insights query; each node has its position in the text.

Positions do not count when nodes are compared: `count(*)` equals `COUNT( * )` elsewhere in the query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from eks_audit_constructs.errors import QueryError

__all__ = [
    "Call",
    "Command",
    "Comparison",
    "Dedup",
    "Display",
    "Expression",
    "Fields",
    "Filter",
    "Item",
    "Key",
    "Limit",
    "Logic",
    "Match",
    "Membership",
    "Name",
    "Negation",
    "Number",
    "Operation",
    "Parse",
    "Path",
    "Period",
    "Regex",
    "Script",
    "Sort",
    "Star",
    "Stats",
    "Text",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """The text of a query, and its name in error messages.

    Attributes:
        text: The text.
        where: Its name.
        notes: Remarks on how it is read, added while it is parsed.
    """

    text: str
    where: str
    notes: list[str] = field(default_factory=list, compare=False)

    def note(self, remark: str) -> None:
        """Add a remark, once."""
        if remark not in self.notes:
            self.notes.append(remark)

    def refusal(self, at: int, limit: str, way_out: str) -> QueryError:
        """Return an error about the text at a position, with line, column and the line itself."""
        at = min(at, len(self.text.rstrip()))
        before = self.text[:at]
        line, start = before.count("\n") + 1, before.rfind("\n") + 1
        column = at - start + 1
        shown = self.text[start:].partition("\n")[0].rstrip().replace("\t", " ")
        found = _WORD.match(self.text, at)
        first = max(0, column - 60)  # of a long line, show what is around the position
        excerpt = f"{shown[first : first + 110]}\n    {' ' * (column - 1 - first)}^ here"
        return QueryError(
            f"{self.where}, line {line}, column {column}",
            value=found[0] if found else self.text[at : at + 1].strip() or "the end",
            limit=limit,
            way_out=f"{way_out.removesuffix('.')}.\n    {excerpt}",
        )


_WORD = re.compile(r"[\w@.]+|`[^`]*`")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    start: int = field(compare=False)
    """Position of the first character."""
    end: int = field(compare=False)
    """Position after the last character."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Name(_Node):
    """A field: its parts between dots; a part in backticks may itself contain dots."""

    parts: tuple[str, ...]
    indexed: bool = field(default=False, compare=False)
    """Whether it has an index in brackets, which only parsed JSON has: list[0]."""

    @property
    def flat(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Number(_Node):
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Text(_Node):
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Regex(_Node):
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Period(_Node):
    count: int
    unit: str
    """As written, in lower case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Star(_Node):
    """The `*` in `count(*)`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(_Node):
    function: str
    """In lower case."""
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Path(_Node):
    """A part of the JSON that a function returns: `jsonParse(@message).verb`."""

    operand: Call
    parts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation(_Node):
    """Arithmetic: `+ - * / % ^`; `-x` is `0 - x`."""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison(_Node):
    """`= != < <= > >=`"""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, kw_only=True, slots=True)
class Match(_Node):
    """`like` and `=~`: text is found, or not found if `absent`."""

    operand: Expression
    pattern: Text | Regex
    absent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership(_Node):
    """`in [...]`"""

    operand: Expression
    values: tuple[Expression, ...]
    absent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Logic(_Node):
    """Terms joined by `and` or `or`."""

    word: str
    terms: tuple[Expression, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Negation(_Node):
    operand: Expression


Expression: TypeAlias = (
    Name | Number | Text | Period | Star | Call | Path | Operation | Comparison | Match | Membership | Logic | Negation
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item(_Node):
    """An expression and its column name: the alias, or the expression as written."""

    expression: Expression
    name: str
    aliased: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Key(_Node):
    """A sort key."""

    expression: Expression
    descending: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields(_Node):
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Display(_Node):
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter(_Node):
    condition: Expression


@dataclass(frozen=True, kw_only=True, slots=True)
class Parse(_Node):
    """Fields extracted from text: by a glob with a name for each `*`, or by the named groups of a regex."""

    source: Name | None
    pattern: Text | Regex
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats(_Node):
    items: tuple[Item, ...]
    groups: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sort(_Node):
    keys: tuple[Key, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit(_Node):
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dedup(_Node):
    names: tuple[Name, ...]


Command: TypeAlias = Fields | Display | Filter | Parse | Stats | Sort | Limit | Dedup
