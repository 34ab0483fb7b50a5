"""One row for each event that some condition matches: read by DuckDB, or in Python what DuckDB refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from eks_audit_constructs.audit_logs.logs import Log, Shape, read_lines
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import Expression, Path
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.hits import Hits
from eks_audit_constructs.replay.counting.reference import EXPORT_TIME, RFC3339, TIMES
from eks_audit_constructs.replay.counting.statement import messages, microseconds, parsed
from eks_audit_constructs.replay.counting.values import Values, stacked

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

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def select_matching(shape: Shape, conditions: Sequence[Expression], *, kept: int = KEPT) -> str:
    """The statement that reads files of the shape, with the parameters `files` and `compression`.

    Args:
        shape: The shape of the files.
        conditions: The conditions.
        kept: Characters of a line to keep.

    Raises:
        UnsayableError: A condition is one that SQL cannot say.
    """
    hits = Hits([Question(condition=condition) for condition in conditions])
    fields: dict[Path, str] = {}
    values = Values(lambda path: fields.setdefault(path, f"fields[{len(fields) + 1}]"), event="fields")

    def text(path: Path) -> str:
        return f"json_extract_string({values.json(path)}, '$')"

    shown = {name: text(path) for name, path in _FIELDS.items()}
    shown["resource"] = f"nullif(concat_ws('/', {', '.join(shown.pop(name) for name in _SPLIT)}), '')"
    shown["address"] = f"json_extract_string({values.json(_ADDRESSES)}, '$[#-1]')"
    times = [f"trim({values.json((name,))}::varchar, '\"')" for name in TIMES]
    asked, quick, told = hits.columns(values)
    source = f"select *, {parsed(fields)} as fields from ({messages(shape, files=1)})"
    return f"""
        select list_filter([{", ".join(f"if({name}, {at}, null)" for at, name in enumerate(hits.names))}],
            lambda hit: hit is not null) as filters, * exclude ({", ".join(hits.names)})
        from (
            select {microseconds(times, exported=shape is Shape.EXPORT)} as happened,
                {", ".join(f"{written} as {name}" for name, written in shown.items())},
                left(message, {kept}) as message, length(message) as length{told}
            from ({stacked(source, values.extracted, values.told, asked, quick)})
        )
        where {" or ".join(hits.names)}
    """


def kept_rows(log: Log, conditions: Sequence[Expression], *, kept: int = KEPT) -> Iterator[dict[str, Any]]:
    """The same rows, read in Python.

    Raises:
        LogError: The log cannot be read.
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
            "message": written[:kept],
            "length": len(written),
        }


_EXPORTED = re.compile(rf"({EXPORT_TIME}) ".encode())
_TIME = re.compile(RFC3339)


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
