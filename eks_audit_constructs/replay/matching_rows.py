"""One row for each event that some condition matches: read by DuckDB, or in Python what DuckDB refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlglot import exp

from eks_audit_constructs.conditions import sql
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import ANY_ELEMENT, Expression, Path, selector
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay.logs import Log, Shape, read_lines
from eks_audit_constructs.replay.reference import EXPORT_TIME, RFC3339, TIMES

__all__ = ["COLUMNS", "KEPT", "kept_rows", "select_matching"]

KEPT = 16_384
"""Characters of a log line that are kept: a page that shows hundreds of events has to stay small."""

_FIELDS: dict[str, Path] = {
    "principal": ("user", "username"),
    "agent": ("userAgent",),
    "verb": ("verb",),
    "kind": ("objectRef", "resource"),
    "subresource": ("objectRef", "subresource"),
    "namespace": ("objectRef", "namespace"),
    "name": ("objectRef", "name"),
    "uri": ("requestURI",),
    "code": ("responseStatus", "code"),
}
_ADDRESSES: Path = ("sourceIPs",)
_SPLIT = ("kind", "subresource")
COLUMNS = (
    "filters",
    "happened",
    "address",
    "resource",
    *(name for name in _FIELDS if name not in _SPLIT),
    "message",
    "length",
)
"""`filters` holds the positions of the conditions that match, `happened` microseconds since 1970."""

_MAX_LINE = 4 * 1024 * 1024
"""Bytes. CloudWatch takes log events of up to 1 MiB; a file may come from elsewhere."""
_BLANK = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
_EVENT: exp.Expr = exp.maybe_parse("if(fields is null, null, '{}')::json", dialect="duckdb")
"""Stands for the event itself, of which conditions only ask whether it is an object."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def select_matching(shape: Shape, conditions: Sequence[Expression]) -> str:
    """The statement that reads files of the shape, with the parameters `files` and `compression`.

    Raises:
        AuditConfigurationError: A condition is one that SQL cannot say.
    """
    paths: dict[Path, str] = {}

    def value(path: Path) -> exp.Expr:
        return exp.column(paths.setdefault(path, f"f{len(paths)}")) if path else _EVENT

    def text(path: Path) -> str:
        return f"json_extract_string({value(path).sql()}, '$')"

    tests = [sql.condition(condition, dialect="duckdb", value=value).sql(dialect="duckdb") for condition in conditions]
    fields = {name: text(path) for name, path in _FIELDS.items()}
    fields["resource"] = f"nullif(concat_ws('/', {', '.join(fields.pop(name) for name in _SPLIT)}), '')"
    fields["address"] = f"json_extract_string({value(_ADDRESSES).sql()}, '$[#-1]')"
    times = [_microseconds(text((name,)), RFC3339) for name in TIMES]
    exported = [_microseconds("written", EXPORT_TIME)] if shape is Shape.EXPORT else []
    answers = ", ".join(f"coalesce({test}, false) as q{index}" for index, test in enumerate(tests))
    hits = ", ".join(f"case when q{index} then {index} end" for index in range(len(tests)))
    columns = ", ".join(f"{written} as {name}" for name, written in fields.items())
    # Only what looks like an object is parsed: a TRY that fails once parses its whole vector row by row.
    return f"""
        select list_filter([{hits}], lambda hit: hit is not null) as filters,
            coalesce({", ".join([*exported, *times])}) as happened, {columns},
            left(message, {KEPT}) as message, length(message) as length
        from (
            select *, {answers}
            from (
                select *, {", ".join(f"fields[{at}] as {name}" for at, name in enumerate(paths.values(), start=1))}
                from (
                    select *, case
                        when starts_with(trim(message, {_BLANK}), '{{') and ends_with(trim(message, {_BLANK}), '}}')
                        then try(json_extract(message, [{", ".join(map(_json_path, paths))}]))
                    end as fields
                    from ({_messages(shape)})
                )
            )
        )
        where {" or ".join(f"q{index}" for index in range(len(tests)))}
    """


def kept_rows(log: Log, conditions: Sequence[Expression]) -> Iterator[dict[str, Any]]:
    """The same rows, read in Python.

    Raises:
        AuditConfigurationError: The log cannot be read.
    """
    tests = [predicate(condition) for condition in conditions]
    for line in read_lines(log):
        if not line.strip():
            continue
        exported = _EXPORTED.match(line) if log.shape is Shape.EXPORT else None
        message = line[exported.end() :] if exported else line
        event = _parsed(message)
        hits = [index for index, test in enumerate(tests) if test(message, event)]
        if not hits:
            continue
        fields = {name: _text(_at(event, path)) for name, path in _FIELDS.items()}
        addresses = _at(event, _ADDRESSES)
        times = [exported[1].decode()] if exported else []
        times += [text for name in TIMES if isinstance(text := _at(event, (name,)), str)]
        written = message.decode(errors="replace")
        yield {
            "filters": hits,
            "happened": next((at for text in times if (at := _moment(text)) is not None), None),
            "address": _text(addresses[-1]) if isinstance(addresses, list) and addresses else None,
            "resource": "/".join(part for name in _SPLIT if (part := fields.pop(name)) is not None) or None,
            **fields,
            "message": written[:KEPT],
            "length": len(written),
        }


_EXPORTED = re.compile(rf"({EXPORT_TIME}) ".encode())
_TIME = re.compile(RFC3339)


def _messages(shape: Shape) -> str:
    lines = f"""
        select line
        from read_csv(
            $files, compression = $compression, columns = {{'line': 'VARCHAR'}}, header = false, auto_detect = false,
            delim = '', quote = '', escape = '', max_line_size = {_MAX_LINE}, buffer_size = {2 * _MAX_LINE}
        )
        where trim(line, {_BLANK}) <> ''
    """
    if shape is not Shape.EXPORT:
        return f"select line as message from ({lines})"
    return f"""
        select written, if(written = '', line, substr(line, length(written) + 2)) as message
        from (select *, regexp_extract(line, '^({EXPORT_TIME}) ', 1) as written from ({lines}))
    """


def _microseconds(text: str, form: str) -> str:
    return f"case when regexp_full_match({text}, '{form}') then epoch_us(try_cast({text} as timestamptz)) end"


def _json_path(path: Path) -> str:
    text = "$"
    for segment in path:
        if segment is ANY_ELEMENT or (isinstance(segment, str) and ('"' in segment or "\\" in segment)):
            raise AuditConfigurationError(
                selector(path), value=selector(path), limit="SQL has no such path", way_out="It is read in Python."
            )
        text += f"[{segment}]" if isinstance(segment, int) else f'."{segment}"'
    return exp.Literal.string(text).sql(dialect="duckdb")


def _parsed(message: bytes) -> Any:
    try:
        event = json.loads(message.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return MISSING
    return event if isinstance(event, dict) else MISSING


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _at(event: Any, path: Path) -> Any:
    value = event
    for segment in path:
        value = value.get(segment) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace").decode()  # half a surrogate pair is no text


def _moment(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None
    return None if at is None else (at - _EPOCH) // timedelta(microseconds=1)
