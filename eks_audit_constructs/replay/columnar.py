"""The SQL with which DuckDB's JSON reader takes only the fields that questions need.

It parses and extracts in one step, and what it cannot take as asked is NULL: a line that is no JSON object, and another
value where a condition expects an object. It makes no difference between null and missing. Where a condition does, the
object around the field is taken as it is; around a field of the event itself there is none, so `nulls` looks for it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

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
from eks_audit_constructs.replay.counts import Question
from eks_audit_constructs.replay.duplicates import AUDIT_ID, STAGE, identity
from eks_audit_constructs.replay.reference import TIMES
from eks_audit_constructs.replay.statement import microseconds
from eks_audit_constructs.replay.terms import Terms
from eks_audit_constructs.replay.values import UnsayableError, Values, json_path, literal

__all__ = ["lacking", "nulls", "select_events"]

_MAX_LINE = 1024 * 1024
"""Bytes. CloudWatch has no longer log events, and with the small buffers that follow DuckDB is faster."""
_TIME: Path = TIMES[:1]
"""An event that has only the other time is left to the other way."""


def select_events(questions: Sequence[Question], terms: Terms, *, guess: bool = False) -> str:
    """The statement that reads files of JSON lines, with the parameters `files` and `compression`.

    Its columns are those of `statement.select_events` without `source`, for lines that are JSON objects with a time;
    of any other, `happened` is NULL, and the row tells nothing more. `size` is always 0.

    Args:
        questions: The questions.
        terms: Their terms.
        guess: Read as text each field that is compared with strings only, which is faster. Where what is read may be
            no string, `happened` is NULL.

    Raises:
        UnsayableError: A question asks for the text of a line, for its time, or for two fields of the event itself that
            differ in case only; or SQL cannot say it.
    """
    leaves = _leaves(questions)
    certain, likely = _texts(questions)
    texts = (certain | likely if guess else certain) & leaves.keys()
    parts: dict[str, list[Path]] = {}

    def value(path: Path) -> str:
        leaf = next(path[:length] for length in range(1, len(path) + 1) if path[:length] in leaves)
        name, rest = leaves[leaf], path[len(leaf) :]
        if not rest:
            return name
        if _keys(rest) != rest:
            return f"json_extract({name}, {json_path(rest)})"
        known = parts.setdefault(name, [])
        if rest not in known:
            known.append(rest)
        return f"{name}_parts[{known.index(rest) + 1}]"

    values = Values(value, event="time", texts=texts)  # every row that counts is an event
    same = identity(values.string(AUDIT_ID), values.string(STAGE))
    quick, told = terms.columns(values)
    split = "".join(
        f", json_extract({name}, [{', '.join(map(json_path, rests))}]) as {name}_parts" for name, rests in parts.items()
    )
    fields = [f"{_field(path)} as {name}" for path, name in {_TIME: "time", **leaves}.items()]
    happened = microseconds(["time"])
    if doubts := [
        (_UNUSUAL if path == AUDIT_ID else _DOUBT).format(leaves[path]) for path in leaves if path in texts - certain
    ]:
        happened = f"case when {' or '.join(doubts)} then null else {happened} end"
    return f"""
        select 0 as size, true as readable, {happened} as happened, {same} as identity{told}
        from (select *{quick} from (select *{values.told} from (select *{values.extracted} from (select *{split} from (
            select {", ".join(fields)}
            from read_json(
                $files, compression = $compression, columns = {{{_columns(leaves, texts)}}},
                format = 'newline_delimited', records = true, ignore_errors = true,
                maximum_object_size = {_MAX_LINE}
            )
        )))))
    """


def lacking(questions: Sequence[Question]) -> list[Expression]:
    """Conditions that a field of the event itself is null or missing, where the questions make a difference."""
    return [NotExists((key,)) for key in _ambiguous(questions)]


def nulls(questions: Sequence[Question]) -> list[Expression]:
    """Conditions on the text of a line: while none matches, `select_events` tells null from missing."""
    return [
        And((Term("null"), Term(Regex(rf"(?i){''.join(map(_spelled, key))}\"\s*:\s*null"))))
        for key in _ambiguous(questions)
    ]


def _ambiguous(questions: Sequence[Question]) -> list[str]:
    fields = (condition for question in questions for condition in _fields(question.condition))
    return sorted({str(field.path[0]) for field in fields if len(field.path) == 1 and _asks_for_null(field)})


def _asks_for_null(condition: Expression) -> bool:
    return isinstance(condition, NotExists) or (isinstance(condition, Is) and condition.constant is Constant.NULL)


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
        raise UnsayableError("the event itself, or its time")
    leaves = (path for path in wanted if not any(path[:length] in wanted for length in range(1, len(path))))
    return {path: f"f{number}" for number, path in enumerate(sorted(leaves, key=str))}


def _wanted(condition: Expression) -> Iterator[Path]:
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _wanted(term)
    elif isinstance(condition, NotExists | Is) and _asks_for_null(condition):
        keys = _keys(condition.path)
        yield keys[:-1] if keys == condition.path and len(keys) > 1 else keys
    elif isinstance(condition, Comparison | Is):
        yield _keys(condition.path)
    else:
        raise UnsayableError("the text of a line")


def _keys(path: Path) -> Path:
    """The part of a path before its first index."""
    return tuple(takewhile(lambda segment: isinstance(segment, str), path))


def _texts(questions: Sequence[Question]) -> tuple[set[Path], set[Path]]:
    """The fields that are compared with strings only: those where nothing else can look like them, and the others.

    Read as text, a string is what it says, and any other value is its JSON.
    """
    certain, likely, otherwise = set[Path](), {AUDIT_ID, STAGE}, set[Path]()
    otherwise |= {_keys(question.value) for question in questions if question.value is not None}
    for condition in (leaf for question in questions for leaf in _fields(question.condition)):
        keys, wanted = _keys(condition.path), condition.value if isinstance(condition, Comparison) else None
        if keys != condition.path or not isinstance(wanted, str | Regex) or wanted == "*":
            otherwise.add(keys)
        elif (
            isinstance(condition, Comparison)
            and condition.operator is Operator.EQ
            and isinstance(wanted, str)
            and _NEVER_JSON.fullmatch(wanted)
        ):
            certain.add(keys)
        else:
            likely.add(keys)
    return certain - likely - otherwise, likely - otherwise


_NEVER_JSON = re.compile(r"(?!true|false|null|nan|inf)[a-z/][^*\x00-\x1f]*", re.IGNORECASE)
_DOUBT = (
    "{0} between '[' and '[~' or {0} between '{{' and '{{~' or {0} in ('true', 'false')"
    " or ({0} between '0' and '9~' or {0} between '-' and '-~') and regexp_full_match({0}, '[-+.0-9eE]+')"
)
"""Whether a text may be the JSON of a number, an array, an object or a boolean."""
_UNUSUAL = (
    f"(strlen({{0}}) <> 36 or substr({{0}}, 14, 1) <> '-' or {{0}} between '[' and '[~' or {{0}} > 'g') and ({_DOUBT})"
)
"""The same, told quickly where it is a UUID."""


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
