"""The SQL with which DuckDB's JSON reader takes only the fields that questions need.

It parses and extracts in one step, and what it cannot take as asked is NULL: a line that is no JSON object, and another
value where a condition expects an object. It makes no difference between null and missing. Where a condition does, and
that is not just one of several ways to meet it, the object around the field is taken as it is. Else `lacking` tells of
events to which it matters, and only if there are any, it is looked for nulls with `nulls`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    Operator,
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
"""An event that has only the other time is left to the other way."""


class NeedsLinesError(Exception):
    """Questions that fields alone do not answer."""


def select_events(asked: QuestionColumns) -> str:
    """The statement that reads files of JSON lines, with the parameters `files` and `compression`.

    Its columns are those of `statement.select_events` without `source`, for lines that are JSON objects with a time;
    of any other, `happened` is NULL, and the row tells nothing more. `size` is always 0.

    Args:
        asked: The questions.

    Raises:
        NeedsLinesError: A question asks for the text of a line, for its time, or for two fields of the event itself
            that differ in case only.
        UnsupportedInSqlError: SQL cannot say a question.
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

    fields = FieldColumns(value, is_event="time is not null", texts=texts)  # every row that counts is an event
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
    return f"""
        select 0 as size, true as readable, moment(time) as happened, {same} as identity{answers}
        from ({stacked(source, split, fields.extracted, fields.converted, terms, shared)})
    """


def _extracted(document: str, paths: Iterable[Path]) -> str:
    """The JSON values at some paths, as a list."""
    return f"json_extract({document}, [{', '.join(map(DUCKDB.path, paths))}])"


def lacking(questions: Sequence[Question]) -> list[Expression]:
    """Conditions on the events to which it matters whether a field is null or missing."""
    read = _leaves(questions).keys()
    return [
        _where_it_matters(question.condition, path, read)
        for question in questions
        for path in dict.fromkeys(field.path for field in _ambiguous(question.condition, read))
    ]


def nulls(questions: Sequence[Question]) -> list[Expression]:
    """Conditions on the text of a line: while none matches, `select_events` tells null from missing."""
    read = _leaves(questions).keys()
    keys = {str(field.path[-1]) for question in questions for field in _ambiguous(question.condition, read)}
    spelled = ("".join(map(_spelled, key)) for key in sorted(keys))
    return [And((Term("null"), Term(Regex(rf"(?i){key}\"\s*:\s*null")))) for key in spelled]


def _ambiguous(condition: Expression, read: Collection[Path]) -> Iterator[Comparison | Is | NotExists]:
    """The terms that tell null from missing, of fields that are read by themselves."""
    return (field for field in _fields(condition) if _tells_null(field) and field.path in read)


def _tells_null(field: Expression) -> bool:
    return isinstance(field, NotExists) or (isinstance(field, Is) and field.constant is Constant.NULL)


def _where_it_matters(condition: Expression, path: Path, read: Collection[Path]) -> Expression:
    """A condition whose truth needs the field to be null or missing.

    The other ways to meet it are left out, and where it asks so of another field, that may be either too.
    """
    if isinstance(condition, And):
        return And(tuple(_where_it_matters(term, path, read) for term in condition.terms))
    if isinstance(condition, Or):
        asking = [term for term in condition.terms if any(one.path == path for one in _ambiguous(term, read))]
        return Or(tuple(_where_it_matters(term, path, read) for term in asking or condition.terms))
    return next((NotExists(field.path) for field in _ambiguous(condition, read)), condition)


def _spelled(character: str) -> str:
    """Any way to write it in JSON, and for what is rare, more than that."""
    return rf"(?:{character}|\\u{ord(character):04x})" if character.isascii() and character.isalnum() else ".+"


def _leaves(questions: Sequence[Question]) -> dict[Path, str]:
    """The fields to take from each event, none of them part of another, with their names as columns."""
    wanted = {path for question in questions for path in _wanted(question.condition)}
    wanted |= {_keys(question.value) for question in questions if question.value is not None}
    wanted |= {AUDIT_ID, STAGE}
    spellings: dict[tuple[str, ...], set[Path]] = defaultdict(set)
    for path in [_TIME, *wanted]:
        for length in range(1, len(path) + 1):
            spellings[tuple(str(key).casefold() for key in path[:length])].add(path[:length])
    # The names of DuckDB's columns and fields differ in more than case.
    wanted |= {path[:-1] for alike in spellings.values() if len(alike) > 1 for path in alike}
    if any(path[:1] in ((), _TIME) for path in wanted):
        raise NeedsLinesError
    leaves = (path for path in wanted if not any(path[:length] in wanted for length in range(1, len(path))))
    return {path: f"f{number}" for number, path in enumerate(sorted(leaves, key=str))}


def _wanted(condition: Expression, *, alternative: bool = False) -> Iterator[Path]:
    """The fields that a condition needs; one of several alternatives is rarely what decides."""
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _wanted(term, alternative=alternative or isinstance(condition, Or))
    elif isinstance(condition, Term):
        raise NeedsLinesError
    else:
        for field in _fields(condition):
            keys = _keys(field.path)
            around = _tells_null(field) and keys == field.path and len(keys) > 1 and not alternative
            yield keys[:-1] if around else keys


def _keys(path: Path) -> Path:
    """The part of a path before its first index."""
    return tuple(takewhile(lambda segment: isinstance(segment, str), path))


def _texts(questions: Sequence[Question]) -> set[Path]:
    """The fields that are compared only with strings which no other JSON value can look like.

    Read as text, a string is what it says, and any other value is its JSON.
    """
    texts, others = set[Path](), {AUDIT_ID, STAGE}
    others |= {_keys(question.value) for question in questions if question.value is not None}
    for leaf in (leaf for question in questions for leaf in _fields(question.condition)):
        keys = _keys(leaf.path)
        is_text = keys == leaf.path and (isinstance(leaf, NotExists) or _asks_for_plain_text(leaf))
        (texts if is_text else others).add(keys)
    return texts - others


def _asks_for_plain_text(leaf: Expression) -> bool:
    return (
        isinstance(leaf, Comparison)
        and leaf.operator is Operator.EQ
        and isinstance(leaf.value, str)
        and _NEVER_JSON.fullmatch(leaf.value) is not None
    )


_NEVER_JSON = re.compile(r"(?!true|false|null|nan|inf)[a-z/][^*\x00-\x1f]*", re.IGNORECASE)


def _fields(condition: Expression) -> Iterator[Comparison | Is | NotExists]:
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _fields(term)
    elif isinstance(condition, Comparison | Is | NotExists):
        yield condition


def _columns(leaves: Mapping[Path, str], texts: Collection[Path]) -> str:
    """The types of an event's fields, as the reader's argument."""
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
