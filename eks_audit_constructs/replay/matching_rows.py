"""Read one row for each event that any condition matches: in DuckDB, or in Python what DuckDB rejects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from eks_audit_constructs.audit_logs.events import events
from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import Expression, Path
from eks_audit_constructs.duck.lines import Batch, line_reader, messages
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.field_columns import stacked
from eks_audit_constructs.replay.counting.question_columns import QuestionColumns
from eks_audit_constructs.replay.counting.raw_lines import LineFields

__all__ = ["COLUMNS", "KEPT", "kept_rows", "select_matching"]

KEPT = 16_384
"""Characters kept of a log line, so that a page with hundreds of events stays small."""

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


def select_matching(batch: Batch, conditions: Sequence[Expression], *, kept: int = KEPT) -> str:
    """Return the statement that reads the files of a batch, with the parameters of the batch.

    For one condition, that the verb is delete, it is in short

        select list_filter([if(q0, 0, null)], …) as filters, * exclude (q0) from (
            select coalesce(moment(written), …) as happened, json_extract_string(x0, '$') as principal, …,
                left(message, 16384) as message, length(message) as length, k0 as q0
            from (…the levels of `raw_lines`…)
        ) where q0

    Args:
        batch: The files.
        conditions: The conditions.
        kept: Characters to keep of each line.

    Raises:
        UnsupportedInSqlError: SQL cannot express a condition.
    """
    asked = QuestionColumns([Question(condition=condition) for condition in conditions])
    fields = LineFields()

    def text(path: Path) -> str:
        return f"json_extract_string({fields.json(path)}, '$')"

    shown = {name: text(path) for name, path in _FIELDS.items()}
    shown["resource"] = f"nullif(concat_ws('/', {', '.join(shown.pop(name) for name in _SPLIT)}), '')"
    shown["address"] = f"json_extract_string({fields.json(_ADDRESSES)}, '$[#-1]')"
    happened = fields.happened
    terms, shared, answers = asked.columns(fields)
    lines = fields.parsed(messages(line_reader(), exported=batch.exported, column="0 as source"))
    return f"""
        select list_filter([{", ".join(f"if({name}, {at}, null)" for at, name in enumerate(asked.names))}],
            lambda place: place is not null) as filters, * exclude ({", ".join(asked.names)})
        from (
            select {happened} as happened,
                {", ".join(f"{written} as {name}" for name, written in shown.items())},
                left(message, {kept}) as message, length(message) as length{answers}
            from ({stacked(lines, fields.extracted, fields.converted, terms, shared)})
        )
        where {" or ".join(asked.names)}
    """


def kept_rows(log: Log, conditions: Sequence[Expression], *, kept: int = KEPT) -> Iterator[dict[str, Any]]:
    """Yield the same rows, read in Python.

    Raises:
        LogError: The log cannot be read.
    """
    tests = [predicate(condition) for condition in conditions]
    for event in events(log):
        matching = [index for index, test in enumerate(tests) if test(event.line, event.value)]
        if not matching:
            continue
        fields = {name: _text(_at(event.value, path)) for name, path in _FIELDS.items()}
        addresses = _at(event.value, _ADDRESSES)
        written = event.line.decode(errors="replace")
        yield {
            "filters": matching,
            "happened": None if event.at is None else (event.at - _EPOCH) // timedelta(microseconds=1),
            "address": _text(addresses[-1]) if isinstance(addresses, list) and addresses else None,
            "resource": "/".join(part for name in _SPLIT if (part := fields.pop(name)) is not None) or None,
            **fields,
            "message": written[:kept],
            "length": len(written),
        }


def _at(event: Any, path: Path) -> Any:
    value = event
    for segment in path:
        value = value.get(segment) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace").decode()  # half a surrogate pair cannot be encoded
