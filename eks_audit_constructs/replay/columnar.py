"""The SQL with which DuckDB's JSON reader takes only the fields that questions need.

It parses and extracts in one step, but makes no difference between missing and null, and gives a line that is no
JSON object as a row without any field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from sqlglot import exp

from eks_audit_constructs.conditions.expression import And, Comparison, Expression, Or, Path
from eks_audit_constructs.replay.counts import Question
from eks_audit_constructs.replay.reference import TIMES
from eks_audit_constructs.replay.statement import MAX_LINE, json_path, told

__all__ = ["select_events"]


def select_events(questions: Sequence[Question], *, files: int = 1) -> str | None:
    """The statement that reads files of JSON lines, with the parameters `files` and `compression`.

    Its columns are those of `statement.select_events`, for lines that are JSON objects; `size` is always 0. None when
    a question asks for the text of a line, for null or for a missing field.

    Raises:
        UnsayableError: A condition is one that SQL cannot say.
    """
    if not all(_only_compares(question.condition) for question in questions):
        return None
    leaves: dict[Path, str] = {}

    def value(path: Path) -> exp.Expr:
        keys = tuple(takewhile(lambda segment: isinstance(segment, str), path))
        column = exp.column(leaves.setdefault(keys, f"f{len(leaves)}"))
        rest = path[len(keys) :]
        # Not exp.JSONExtract, which would become an operator that binds loosely.
        return exp.Anonymous(this="json_extract", expressions=[column, exp.var(json_path(rest))]) if rest else column

    times = {(name,): f"t{index}" for index, name in enumerate(TIMES)}
    columns = told(questions, value, list(times.values()))
    roots = {path[:1] for path in leaves}
    if (
        () in roots
        or not roots.isdisjoint(times)
        or any(path[:length] in leaves for path in leaves for length in range(1, len(path)))
    ):
        return None  # one field is wanted in two types
    tree: dict[str, Any] = dict.fromkeys(TIMES, "varchar")
    for path in leaves:
        *parents, last = map(str, path)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = "json"
    types = ", ".join(f"{_literal(name)}: {_literal(_type(node))}" for name, node in tree.items())
    fields = ", ".join(
        f"{'.'.join(_quoted(str(key)) for key in path)} as {name}" for path, name in (times | leaves).items()
    )
    return f"""
        select source, 0 as size, true as readable, {columns}
        from (
            select {"hash(filename)" if files > 1 else "0"} as source, {fields}
            from read_json(
                $files, compression = $compression, filename = {str(files > 1).lower()}, columns = {{{types}}},
                format = 'newline_delimited', ignore_errors = true, maximum_object_size = {MAX_LINE}
            )
        )
    """


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
