"""The SQL with which DuckDB's JSON reader takes only the fields that questions need.

It parses and extracts in one step, and what it cannot take as asked is NULL: a line that is no JSON object, and another
value where a condition expects an object. It makes no difference between null and missing. Where a condition does, and
that is not just one of several ways to meet it, the object around the field is taken as it is. Else `lacking` tells of
events to which it matters, and only if there are any, it is looked for nulls with `nulls`.
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
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.duplicates import AUDIT_ID, STAGE, identity
from eks_audit_constructs.replay.counting.hits import Hits
from eks_audit_constructs.replay.counting.reference import TIMES
from eks_audit_constructs.replay.counting.statement import microseconds
from eks_audit_constructs.replay.counting.values import UnsayableError, Values, json_path, literal, stacked

__all__ = ["lacking", "nulls", "select_events"]

_COMMON: set[Path] = {AUDIT_ID, STAGE, ("requestURI",), ("verb",), ("user", "username"), ("userAgent",)}
"""Fields that most events have. Of others, few are read, and it does not matter how."""
_TIME: Path = TIMES[:1]
"""An event that has only the other time is left to the other way."""


def select_events(hits: Hits, *, guess: bool = False) -> str:
    """The statement that reads files of JSON lines, with the parameters `files` and `compression`.

    Its columns are those of `statement.select_events` without `source`, for lines that are JSON objects with a time;
    of any other, `happened` is NULL, and the row tells nothing more. `size` is always 0.

    Args:
        hits: The questions.
        guess: Read as text each field that is compared with strings only, which is faster. Where what is read may be
            no string, `happened` is NULL.

    Raises:
        UnsayableError: A question asks for the text of a line, for its time, or for two fields of the event itself that
            differ in case only; or SQL cannot say it.
    """
    leaves = _leaves(hits.questions)
    certain, likely = _texts(hits.questions)
    texts = (certain | likely & _COMMON if guess else certain) & leaves.keys()
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
    asked, quick, told = hits.columns(values)
    split = "".join(
        f", json_extract({name}, [{', '.join(map(json_path, rests))}]) as {name}_parts" for name, rests in parts.items()
    )
    fields = [f"{_field(path)} as {name}" for path, name in {_TIME: "time", **leaves}.items()]
    happened = microseconds(["time"])
    if guesses := {path: name for path, name in leaves.items() if path in texts - certain}:
        usual = " and ".join(f"coalesce({_usual(path).format(name)}, true)" for path, name in guesses.items())
        odd = " or ".join(f"coalesce({_JSON.format(name)}, false)" for name in guesses.values())
        asked += f", {usual} as usual"
        happened = f"case when usual or not ({odd}) then {happened} end"
    source = f"""
        select {", ".join(fields)}
        from read_json(
            $files, compression = $compression, columns = {{{_columns(leaves, texts)}}},
            format = 'newline_delimited', records = true, ignore_errors = true
        )
    """
    return f"""
        select 0 as size, true as readable, {happened} as happened, {same} as identity{told}
        from ({stacked(source, split, values.extracted, values.told, asked, quick)})
    """


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
        raise UnsayableError("the event itself, or its time")
    leaves = (path for path in wanted if not any(path[:length] in wanted for length in range(1, len(path))))
    return {path: f"f{number}" for number, path in enumerate(sorted(leaves, key=str))}


def _wanted(condition: Expression, *, alternative: bool = False) -> Iterator[Path]:
    """The fields that a condition needs; one of several alternatives is rarely what decides."""
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from _wanted(term, alternative=alternative or isinstance(condition, Or))
    elif isinstance(condition, Term):
        raise UnsayableError("the text of a line")
    else:
        for field in _fields(condition):
            keys = _keys(field.path)
            around = _tells_null(field) and keys == field.path and len(keys) > 1 and not alternative
            yield keys[:-1] if around else keys


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
        if isinstance(condition, NotExists) and keys == condition.path:
            certain.add(keys)
        elif keys != condition.path or not isinstance(wanted, str | Regex) or wanted == "*":
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
_USUAL = "{0} >= 'g' and {0} < 't' or {0} >= 'A' and {0} < '[' or {0} >= '/' and {0} < '0'"
_UUID = "strlen({0}) = 36 and contains({0}, '-') and ({0} >= '0' and {0} < ':' or {0} >= 'a' and {0} < 'g')"
_JSON = (
    "{0} >= '[' and {0} < '\\' or {0} >= '{{' and {0} < '|' or {0} in ('true', 'false')"
    " or ({0} >= '0' and {0} < ':' or {0} >= '-' and {0} < '.') and regexp_full_match({0}, '[-+.0-9eE]+')"
)
"""Whether a text may be the JSON of a number, an array, an object or a boolean. The two above tell quickly of most that
it is none."""


def _usual(path: Path) -> str:
    return _UUID if path == AUDIT_ID else _USUAL


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
