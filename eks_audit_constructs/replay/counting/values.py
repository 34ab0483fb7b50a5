"""The values that terms compare, as SQL that computes each of them once an event.

A JSON value is told by its text, in which `"403"` with its quotes is the string and `403` the number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from eks_audit_constructs.conditions.expression import ANY_ELEMENT, Path, selector

__all__ = ["UnsayableError", "Values", "json_path", "literal", "number", "stacked", "string"]

_UNSAFE_IN_KEY = re.compile(r'["\\\x00-\x1f]')


class UnsayableError(Exception):
    """SQL cannot say a condition that a filter pattern can."""


class Values:
    """The values of an event's fields, as the names of columns.

    Two steps make the columns, each a SELECT from the one before it: `extracted` and `told`.

    Args:
        json: The JSON value at a path as a SQL expression, NULL when the field is missing.
        event: An expression that is NULL when the line is no JSON object.
        texts: The paths of which `json` tells a text: a string is what it says, any other value its JSON.
    """

    def __init__(self, json: Callable[[Path], str], *, event: str, texts: Collection[Path] = ()) -> None:
        self.event = event
        self._json = json
        self._texts = texts
        self._extracted: dict[str, str] = {}
        self._told: dict[str, str] = {}

    def json(self, path: Path) -> str:
        """The JSON value there, NULL when the field is missing."""
        expression = self._json(path)
        if expression.isidentifier():
            return expression
        return self._extracted.setdefault(expression, f"x{len(self._extracted)}")

    def is_text(self, path: Path) -> bool:
        """Whether what is there is read as a text, not as JSON."""
        return path in self._texts

    def string(self, path: Path) -> str:
        """The string there, NULL when it is none."""
        return self._json(path) if path in self._texts else string(self.json(path))

    def number(self, path: Path) -> str:
        """The number there, NULL when it is none."""
        return self._tell(number(self.json(path)))

    @property
    def extracted(self) -> str:
        """The columns of the first step, each preceded by a comma."""
        return _columns(self._extracted)

    @property
    def told(self) -> str:
        """The columns of the second step, each preceded by a comma."""
        return _columns(self._told)

    def _tell(self, expression: str) -> str:
        return self._told.setdefault(expression, f"y{len(self._told)}")


def string(value: str) -> str:
    """What a JSON string says; of another value, NULL. Without escapes it is what stands between the quotes."""
    text = f"{value}::varchar"
    plain = f"substr({text}, 2, length({text}) - 2)"
    read = f"case when contains({text}, chr(92)) then json_extract_string({value}, '$') else {plain} end"
    return f"case when starts_with({text}, '\"') then {read} end"


def number(value: str) -> str:
    """A JSON number as a double; of another value, NULL."""
    return f"try_cast({value}::varchar as double)"


def json_path(path: Path) -> str:
    """A path as DuckDB writes it, in quotes.

    Raises:
        UnsayableError: It cannot.
    """
    text = "$"
    for segment in path:
        if isinstance(segment, str):
            if segment in ("", "*") or _UNSAFE_IN_KEY.search(segment):
                raise UnsayableError(selector(path))
            text += f'."{segment}"'
        else:
            text += "[*]" if segment is ANY_ELEMENT else f"[{segment}]"
    return literal(text)


def literal(text: str) -> str:
    """A text as SQL.

    Raises:
        UnsayableError: It holds what a statement cannot: a zero, or half of a surrogate pair.
    """
    if "\x00" in text or (not text.isascii() and re.search("[\ud800-\udfff]", text)):
        raise UnsayableError(text)
    return "'" + text.replace("'", "''") + "'"


def stacked(source: str, *levels: str) -> str:
    """A SELECT for each level of columns, which stands on the one before it and adds to its columns."""
    for level in levels:
        source = f"select *{level} from ({source})"
    return source


def _columns(named: dict[str, str]) -> str:
    return "".join(f", {expression} as {name}" for expression, name in named.items())
