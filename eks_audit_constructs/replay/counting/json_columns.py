"""Read only the fields that questions use, with DuckDB's JSON reader: one row per event, a column for each question.

The reader parses and extracts in one step. What does not fit the requested type becomes NULL: a line that is not a JSON
object, or another value where a condition expects an object. Two differences it does not show:

- between a string and another value, in a field that is read as text: `"12"` and `12` are both 12. Fields are read as
  text if conditions compare them only with strings. An event with such a text that is itself JSON gets no time, so that
  its log is left to `raw_lines`.
- between null and a missing field. Where a condition tells them apart, and not just as one of several alternatives, the
  object around the field is extracted instead. Otherwise `lacking` finds events for which the difference matters, and
  only then `nulls` searches for nulls.

For one question, that the verb is delete, the statement is in short

    select 0 as size, true as readable, case when json_valid(f0) or … then null else moment(time) end as happened,
        hash(f0, f1) as identity, k0 as q0
    from (select *, t0 as k0 from (select *, f2 = 'delete' as t0 from (
        select "stageTimestamp" as time, "auditID" as f0, "stage" as f1, "verb" as f2 from read_json(
            $files, columns = {'stageTimestamp': 'varchar', 'auditID': 'varchar', 'verb': 'varchar', …}, …))))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from eks_audit_constructs.audit_logs.events import TIMES
from eks_audit_constructs.conditions.expression import (
    And,
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    Or,
    Path,
    Regex,
    Term,
)
from eks_audit_constructs.conditions.sql import DUCKDB
from eks_audit_constructs.conditions.sql_dialects import literal
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.duplicates import AUDIT_ID, STAGE, identity
from eks_audit_constructs.replay.counting.field_columns import FieldColumns, stacked
from eks_audit_constructs.replay.counting.question_columns import QuestionColumns

__all__ = ["NeedsLinesError", "lacking", "nulls", "select_events"]

_TIME: Path = TIMES[:1]
"""Events with only the other time are left to `raw_lines`."""


class NeedsLinesError(Exception):
    """The questions cannot be answered from fields alone."""


def select_events(asked: QuestionColumns) -> str:
    """Return the statement that reads files of JSON lines, with the parameters `files` and `compression`.

    Its columns are those of `raw_lines.select_events` without `source`, for lines that are JSON objects with a time and
    without a text that is itself JSON. For other lines `happened` is NULL, and the other columns are meaningless.
    `size` is always 0.

    Args:
        asked: The questions.

    Raises:
        NeedsLinesError: A question uses the text of a line, its time, or two top-level fields that differ only in case.
        UnsupportedInSqlError: SQL cannot express a question.
    """
    leaves = _leaves(asked.questions)
    texts = _texts(asked.questions) & leaves.keys()
    parts: dict[str, list[Path]] = {}

    def value(path: Path) -> str:
        leaf = next(path[:length] for length in range(1, len(path) + 1) if path[:length] in leaves)
        name, rest = leaves[leaf], path[len(leaf) :]
        if not rest:
            return name
        if _keys(rest) != rest:
            return f"json_extract({name}, {DUCKDB.path(rest)})"
        known = parts.setdefault(name, [])
        if rest not in known:
            known.append(rest)
        return f"{name}_parts[{known.index(rest) + 1}]"

    fields = FieldColumns(value, is_event="time is not null", texts=texts)  # rows of other lines are ignored
    same = identity(fields.string(AUDIT_ID), fields.string(STAGE))
    terms, shared, answers = asked.columns(fields)
    split = "".join(
        f", json_extract({name}, [{', '.join(map(DUCKDB.path, rests))}]) as {name}_parts"
        for name, rests in parts.items()
    )
    columns = [f"{_field(path)} as {name}" for path, name in {_TIME: "time", **leaves}.items()]
    source = f"""
        select {", ".join(columns)}
        from read_json(
            $files, compression = $compression, columns = {{{_columns(leaves, texts)}}},
            format = 'newline_delimited', records = true, ignore_errors = true
        )
    """
    uncertain = " or ".join(f"json_valid({leaves[path]})" for path in sorted(texts, key=str)) or "false"
    happened = f"case when {uncertain} then null else moment(time) end"
    return f"""
        select 0 as size, true as readable, {happened} as happened, {same} as identity{answers}
        from ({stacked(source, split, fields.extracted, fields.converted, terms, shared)})
    """


def lacking(questions: Sequence[Question]) -> list[Expression]:
    """Return conditions that match the events for which it matters whether a field is null or missing."""
    read = _leaves(questions).keys()
    return [
        _where_it_matters(question.condition, path, read)
        for question in questions
        for path in dict.fromkeys(field.path for field in _ambiguous(question.condition, read))
    ]


def nulls(questions: Sequence[Question]) -> list[Expression]:
    """Return conditions on the text of a line; if none matches, no field that `lacking` asks about is null."""
    read = _leaves(questions).keys()
    keys = {str(field.path[-1]) for question in questions for field in _ambiguous(question.condition, read)}
    spelled = ("".join(map(_spelled, key)) for key in sorted(keys))
    return [And((Term("null"), Term(Regex(rf"(?i){key}\"\s*:\s*null")))) for key in spelled]


def _ambiguous(condition: Expression, read: Collection[Path]) -> Iterator[Comparison | Is | NotExists]:
    """Yield the terms that distinguish null from missing, for fields that have their own column."""
    return (field for field in _fields(condition) if _distinguishes_null(field) and field.path in read)


def _distinguishes_null(field: Expression) -> bool:
    return isinstance(field, NotExists) or (isinstance(field, Is) and field.constant is Constant.NULL)


def _where_it_matters(condition: Expression, path: Path, read: Collection[Path]) -> Expression:
    """Narrow a condition to the case in which the field is null or missing.

    Alternatives without the field are dropped. Other fields for which the difference matters may be either.
    """
    if isinstance(condition, And):
        return And(tuple(_where_it_matters(term, path, read) for term in condition.terms))
    if isinstance(condition, Or):
        asking = [term for term in condition.terms if any(field.path == path for field in _ambiguous(term, read))]
        return Or(tuple(_where_it_matters(term, path, read) for term in asking or condition.terms))
    return next((NotExists(field.path) for field in _ambiguous(condition, read)), condition)


def _spelled(character: str) -> str:
    """Return a regular expression for all spellings of a character in JSON; a rare one matches any text."""
    return rf"(?:{character}|\\u{ord(character):04x})" if character.isascii() and character.isalnum() else ".+"


def _leaves(questions: Sequence[Question]) -> dict[Path, str]:
    """Return the fields to extract, none of them inside another, with their column names."""
    wanted = {path for question in questions for path in _wanted(question.condition)}
    wanted |= {_keys(question.value) for question in questions if question.value is not None}
    wanted |= {AUDIT_ID, STAGE}
    spellings: dict[tuple[str, ...], set[Path]] = defaultdict(set)
    for path in [_TIME, *wanted]:
        for length in range(1, len(path) + 1):
            spellings[tuple(str(key).casefold() for key in path[:length])].add(path[:length])
    # DuckDB's names are case-insensitive.
    wanted |= {path[:-1] for alike in spellings.values() if len(alike) > 1 for path in alike}
    if any(path[:1] in ((), _TIME) for path in wanted):
        raise NeedsLinesError
    leaves = (path for path in wanted if not any(path[:length] in wanted for length in range(1, len(path))))
    return {path: f"f{number}" for number, path in enumerate(sorted(leaves, key=str))}


def _wanted(condition: Expression, *, alternative: bool = False) -> Iterator[Path]:
    """Yield the fields that a condition needs; a single alternative is rarely decisive."""
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _wanted(term, alternative=alternative or isinstance(condition, Or))
    elif isinstance(condition, Term):
        raise NeedsLinesError
    else:
        for field in _fields(condition):
            keys = _keys(field.path)
            around = _distinguishes_null(field) and keys == field.path and len(keys) > 1 and not alternative
            yield keys[:-1] if around else keys


def _keys(path: Path) -> Path:
    """Return the part of a path before its first index."""
    return tuple(takewhile(lambda segment: isinstance(segment, str), path))


def _texts(questions: Sequence[Question]) -> set[Path]:
    """Return the fields that are read as text: a string without quotes, the JSON of any other value."""
    texts, others = {AUDIT_ID, STAGE}, set[Path]()
    others |= {_keys(question.value) for question in questions if question.value is not None}
    for leaf in (leaf for question in questions for leaf in _fields(question.condition)):
        keys = _keys(leaf.path)
        (texts if keys == leaf.path and _takes_only_strings(leaf) else others).add(keys)
    return texts - others


def _takes_only_strings(leaf: Comparison | Is | NotExists) -> bool:
    if isinstance(leaf, Comparison):
        return isinstance(leaf.value, str | Regex) and leaf.value != "*"  # * is any number or boolean too
    return isinstance(leaf, NotExists)


def _fields(condition: Expression) -> Iterator[Comparison | Is | NotExists]:
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _fields(term)
    elif isinstance(condition, Comparison | Is | NotExists):
        yield condition


def _columns(leaves: Mapping[Path, str], texts: Collection[Path]) -> str:
    """Return the types of the fields, as the argument of the reader."""
    tree: dict[str, Any] = {TIMES[0]: "varchar"}
    for path in leaves:
        *parents, last = map(str, path)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = "varchar" if path in texts else "json"
    return ", ".join(f"{literal(name)}: {literal(_type(node))}" for name, node in tree.items())


def _type(node: str | Mapping[str, Any]) -> str:
    if isinstance(node, str):
        return node
    return f"struct({', '.join(f'{_quoted(name)} {_type(part)}' for name, part in node.items())})"


def _field(path: Path) -> str:
    return ".".join(_quoted(str(key)) for key in path)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
