"""The SQL with which DuckDB's JSON reader takes only the fields that questions need.

It parses and extracts in one step, but makes no difference between missing and null, and refuses a file with a line
that is no JSON object, or with another value where a condition expects an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from sqlglot import exp

from eks_audit_constructs.conditions.expression import And, Comparison, Expression, Operator, Or, Path
from eks_audit_constructs.replay.counts import Question
from eks_audit_constructs.replay.reference import TIMES
from eks_audit_constructs.replay.statement import json_path, told

__all__ = ["select_events"]

_MAX_LINE = 1024 * 1024
"""Bytes. CloudWatch has no longer log events, and with the small buffers that follow DuckDB is faster."""


def select_events(questions: Sequence[Question]) -> str | None:
    """The statement that reads files of JSON lines, with the parameters `files` and `compression`.

    Its columns are those of `statement.select_events` without `source`, for lines that are JSON objects; `size` is
    always 0. None when a question asks for the text of a line, for null or for a missing field.

    Raises:
        UnsayableError: A condition is one that SQL cannot say.
    """
    if not all(_only_compares(question.condition) for question in questions):
        return None
    leaves: dict[Path, str] = {}
    texts = _texts(questions)

    def value(path: Path) -> exp.Expr:
        keys = _keys(path)
        column = exp.column(leaves.setdefault(keys, f"f{len(leaves)}"))
        rest = path[len(keys) :]
        # Not exp.JSONExtract, which would become an operator that binds loosely.
        return exp.Anonymous(this="json_extract", expressions=[column, exp.var(json_path(rest))]) if rest else column

    time: Path = TIMES[:1]  # an event that has only the other one is left to the other way
    columns = told(questions, value, ["time"], texts=texts)
    roots = {path[:1] for path in leaves}
    if not roots.isdisjoint({(), time}) or any(
        path[:length] in leaves for path in leaves for length in range(1, len(path))
    ):
        return None  # one field is wanted in two types
    tree: dict[str, Any] = {TIMES[0]: "varchar"}
    for path in leaves:
        *parents, last = map(str, path)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = "varchar" if path in texts else "json"
    types = ", ".join(f"{_literal(name)}: {_literal(_type(node))}" for name, node in tree.items())
    fields = ", ".join(
        f"{'.'.join(_quoted(str(key)) for key in path)} as {name}" for path, name in ({time: "time"} | leaves).items()
    )
    return f"""
        select 0 as size, true as readable, {columns}
        from (
            select {fields}
            from read_json(
                $files, compression = $compression, columns = {{{types}}},
                format = 'newline_delimited', records = true, maximum_object_size = {_MAX_LINE}
            )
        )
    """


def _texts(questions: Sequence[Question]) -> frozenset[Path]:
    """The fields to be read as text, which is faster: no other value than a string can look like what they must equal.

    Read as text, a string is what it says, and any other value is its JSON.
    """
    comparisons = [leaf for question in questions for leaf in _comparisons(question.condition)]
    by_text = {
        comparison
        for comparison in comparisons
        if comparison.operator is Operator.EQ
        and isinstance(comparison.value, str)
        and _NEVER_JSON.fullmatch(comparison.value)
        and comparison.path == _keys(comparison.path)
    }
    otherwise = {_keys(comparison.path) for comparison in comparisons if comparison not in by_text}
    otherwise |= {_keys(question.value) for question in questions if question.value is not None}
    return frozenset(comparison.path for comparison in by_text) - otherwise


_NEVER_JSON = re.compile(r"(?!true|false|null|nan|inf)[a-z/][^*\x00-\x1f]*", re.IGNORECASE)


def _keys(path: Path) -> Path:
    """The part of a path before its first index."""
    return tuple(takewhile(lambda segment: isinstance(segment, str), path))


def _comparisons(condition: Expression) -> Iterator[Comparison]:
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _comparisons(term)
    elif isinstance(condition, Comparison):
        yield condition


def _only_compares(condition: Expression) -> bool:
    if isinstance(condition, And | Or):
        return all(map(_only_compares, condition.terms))
    return isinstance(condition, Comparison)


def _type(node: str | Mapping[str, Any]) -> str:
    if isinstance(node, str):
        return node
    return f"struct({', '.join(f'{_quoted(name)} {_type(part)}' for name, part in node.items())})"


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(dialect="duckdb")


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="duckdb")
