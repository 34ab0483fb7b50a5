"""The fields that questions use, as columns that are computed once per event."""

from __future__ import annotations

from collections.abc import Callable, Collection

from eks_audit_constructs.conditions.expression import Path
from eks_audit_constructs.conditions.sql import DUCKDB, Fields

__all__ = ["FieldColumns", "stacked"]


class FieldColumns(Fields):
    """The fields of events, as names of columns.

    Two steps compute the columns, each a SELECT from the one before it: `extracted` and `converted`.

    Args:
        json: Returns the SQL for the JSON value at a path, NULL if the field is missing.
        is_event: The SQL for whether the line is a JSON object.
        texts: The paths for which `json` returns text: a string without quotes, the JSON of any other value.
    """

    def __init__(self, json: Callable[[Path], str], *, is_event: str, texts: Collection[Path] = ()) -> None:
        super().__init__(DUCKDB, line="message", document="")
        self._is_event = is_event
        self._json = json
        self._texts = texts
        self._extracted: dict[str, str] = {}
        self._converted: dict[str, str] = {}

    @property
    def is_event(self) -> str:
        return self._is_event

    def json(self, path: Path) -> str:
        expression = self._json(path)
        if expression.isidentifier():
            return expression
        return self._extracted.setdefault(expression, f"x{len(self._extracted)}")

    def is_text(self, path: Path) -> bool:
        return path in self._texts

    def string(self, path: Path) -> str:
        return self._json(path) if path in self._texts else DUCKDB.string(self.json(path))

    def number(self, path: Path) -> str:
        return self._converted.setdefault(DUCKDB.number(self.json(path)), f"y{len(self._converted)}")

    @property
    def extracted(self) -> str:
        """The columns of the first step, each preceded by a comma."""
        return _columns(self._extracted)

    @property
    def converted(self) -> str:
        """The columns of the second step, each preceded by a comma."""
        return _columns(self._converted)


def stacked(source: str, *levels: str) -> str:
    """Nest a SELECT for each level of columns, which adds to those of the level before it.

    `stacked("events", ", a + b as x", ", x > 3 as q0")` is

        select *, x > 3 as q0 from (select *, a + b as x from (events))
    """
    for level in levels:
        source = f"select *{level} from ({source})"
    return source


def _columns(named: dict[str, str]) -> str:
    return "".join(f", {expression} as {name}" for expression, name in named.items())
