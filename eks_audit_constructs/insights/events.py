"""Log lines as DuckDB reads them, and the fields that a query may ask of each.

CloudWatch flattens a JSON event into fields: its texts, numbers, and booleans (as 1 and 0). Objects and arrays are
none, nor is null; an element of an array is named by its index, as a key `0` would be. Unlike there, every field is
found, not the first 200 of an event only.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html

Fields that CloudWatch adds:
- `@timestamp`: the time before the event in an export file, otherwise the event's `stageTimestamp` or
  `requestReceivedTimestamp`; missing where there is none.
- `@message`: the line.
- `@logStream`: the stream whose folder an export file lies in. Otherwise audit events are given
  `kube-apiserver-audit-0`, lines as the IAM authenticator writes them `authenticator-0`, and all others `unknown`.
- `@log`, `@ingestionTime`: always missing, no log file says them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eks_audit_constructs.audit_logs.events import TIMES
from eks_audit_constructs.audit_logs.logs import Log, Shape
from eks_audit_constructs.conditions.sql import literal
from eks_audit_constructs.duck.lines import json_reader, line_reader, messages
from eks_audit_constructs.insights.syntax import Name
from eks_audit_constructs.insights.values import Kind, UnsupportedInQueryError, Value, pointers

__all__ = ["Copy", "Events", "lines"]

_STREAM = re.compile(
    r"(kube-apiserver(-audit)?|authenticator|kube-controller-manager|kube-scheduler|cloud-controller-manager)-.+"
)
_BUILT_IN = {
    "@message": Value(Kind.TEXT, "message"),
    "@timestamp": Value(Kind.TIME, "time"),
    "@logStream": Value(Kind.TEXT, "stream"),
    "@log": Value(Kind.TEXT, "null::varchar"),
    "@ingestionTime": Value(Kind.TIME, "null::bigint"),
}


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a log that DuckDB cannot read as it is: a JSON object with `line` for each line."""

    path: Path
    longest: int
    """Bytes in its longest line."""


class Events:
    """Collects the fields that a query asks for, and writes the SQL that reads them."""

    def __init__(self) -> None:
        self._columns: dict[str, str] = {}

    def field(self, name: Name) -> Value:
        """A field of a log event.

        Raises:
            UnsupportedInQueryError: It is one that CloudWatch would have to add.
        """
        if name.flat in _BUILT_IN:
            return _BUILT_IN[name.flat]
        if name.flat.startswith("@"):
            raise UnsupportedInQueryError("no log file holds this field", f"There are {', '.join(_BUILT_IN)}.")
        return Value(Kind.TEXT, self._columns.setdefault(name.flat, f"v{len(self._columns)}"))

    def select(self, logs: Sequence[Log], copies: Mapping[Path, Copy]) -> str:
        """The SQL of the events: `message`, `time`, `stream`, `readable` and the fields asked for. See `lines`."""
        wanted = [*TIMES, "kind", *(name for name in self._columns if name not in (*TIMES, "kind"))]
        places: dict[str, str] = {}
        paths: list[str] = []
        for name in wanted:
            ways = pointers(name)
            first, last = len(paths) + 1, len(paths) + len(ways)
            others = f", first_leaf(fields[{first + 1}:{last}])" if len(ways) > 1 else ""
            places[name] = f"coalesce(leaf(fields[{first}]){others})"
            paths += ways
        columns = "".join(f", {places[name]} as {column}" for name, column in self._columns.items())
        times = ", ".join(f"moment({places[name]})" for name in TIMES)
        # Only what looks like an object is parsed: a TRY that fails once parses its whole vector row by row.
        return f"""
            select
                message, fields is not null as readable,
                coalesce(moment(written), {times}) as time,
                coalesce(folder, stream_of(message, {places["kind"]})) as stream
                {columns}
            from (
                select *, case
                    when braced(message) then try(json_extract(message, [{", ".join(map(literal, paths))}]))
                end as fields
                from ({lines(logs, copies)})
            )
        """


def lines(logs: Sequence[Log], copies: Mapping[Path, Copy]) -> str:
    """The SQL of all lines: each as `message`, with the time `written` before it and the stream of its `folder`.

    Args:
        logs: The logs.
        copies: What to read in place of some of them, by their paths.
    """
    alike: dict[tuple[bool, bool, int, str | None], list[str]] = {}
    for log in logs:
        folder = Path(log.name).parent.name if log.shape is Shape.EXPORT else ""
        stream = folder if _STREAM.fullmatch(folder) else None
        copy = copies.get(log.path)
        way = log.shape is Shape.EXPORT, log.gzipped and copy is None, copy.longest if copy else 0, stream
        alike.setdefault(way, []).append(literal(str(copy.path if copy else log.path)))
    parts = []
    for (exported, gzipped, longest, stream), files in alike.items():
        listed = f"[{', '.join(files)}]"
        reader = (
            json_reader(listed, longest=longest) if longest else line_reader(listed, "'gzip'" if gzipped else "'none'")
        )
        folder = "null::varchar" if stream is None else literal(stream)
        parts.append(messages(reader, exported=exported, column=f"{folder} as folder"))
    return " union all by name ".join(parts)
