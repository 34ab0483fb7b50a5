"""Log lines as DuckDB reads them, and the fields that a query can use.

CloudWatch flattens a JSON event into fields: its strings, numbers, and booleans (as 1 and 0). Objects, arrays and null
are not fields; an element of an array is named by its index, like a key `0`. CloudWatch finds only the first 200
fields of an event; here all of them are found.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html

Fields that CloudWatch adds:
- `@timestamp`: the time before the event in an export file, otherwise the event's `stageTimestamp` or
  `requestReceivedTimestamp`; missing if there is none.
- `@message`: the line.
- `@logStream`: the log stream, where the log names it (`Log.stream`). Otherwise `kube-apiserver-audit-0` for
  audit events, `authenticator-0` for lines in the format of the IAM authenticator, and `unknown` for all others.
- `@log`: the log group with its account, `account:name`, or its name alone where the account is not known
  (`Log.group`); missing where the group is not known.
- `@ingestionTime`: when CloudWatch received the event, where the log says so (`Log.received`).

`Events.notes` says which of the last two the logs do not have.
"""

from __future__ import annotations

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

_DISCOVERED = 200
"""The most fields of an event that CloudWatch finds.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html"""
_BUILT_IN = {
    "@message": Value(Kind.TEXT, "message"),
    "@timestamp": Value(Kind.TIME, "time"),
    "@logStream": Value(Kind.TEXT, "stream"),
    "@log": Value(Kind.TEXT, "log_group"),
    "@ingestionTime": Value(Kind.TIME, "received"),
}


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a log that DuckDB cannot read as it is: for each line, a JSON object `{"line": …, "received": …}`."""

    path: Path
    longest: int
    """Length of its longest line, in bytes."""


class Events:
    """The fields that a query uses, and the SQL that reads them."""

    def __init__(self) -> None:
        self._columns: dict[str, str] = {}
        self._built_in: set[str] = set()

    @property
    def uses_received(self) -> bool:
        """Whether the query asks when CloudWatch received an event."""
        return "@ingestionTime" in self._built_in

    def notes(self, logs: Sequence[Log]) -> tuple[str, ...]:
        """Say which of the fields that the query uses the logs do not have, or not as CloudWatch has them."""
        said = []
        if "@log" in self._built_in:
            if not all(log.group for log in logs):
                some = "some of the logs do" if any(log.group for log in logs) else "the log does"
                said.append(f"{some} not tell the log group: there @log is missing")
            if any(log.group and ":" not in log.group for log in logs):
                said.append("the log does not tell the account: @log is the log group's name, not account:name")
        if self.uses_received and not all(log.received for log in logs):
            some = "some of the logs do" if any(log.received for log in logs) else "the log does"
            said.append(f"{some} not tell when CloudWatch received an event: there @ingestionTime is missing")
        return tuple(said)

    def field(self, name: Name) -> Value:
        """Return a field of a log event as SQL.

        Raises:
            UnsupportedInQueryError: Only CloudWatch could add the field.
        """
        if name.flat in _BUILT_IN:
            self._built_in.add(name.flat)
            return _BUILT_IN[name.flat]
        if name.flat.startswith("@"):
            raise UnsupportedInQueryError("no log file contains this field", f"Use one of {', '.join(_BUILT_IN)}.")
        return Value(Kind.TEXT, self._columns.setdefault(name.flat, f"v{len(self._columns)}"))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that a query uses."""
        return tuple(self._columns)

    @property
    def findings(self) -> dict[str, str]:
        """SQL over events, by the name of its column: whether one has the field, or has a list or a map there."""
        return {
            f"{column}_{what}": f"coalesce(bool_or({test}), false)"
            for column in self._columns.values()
            for what, test in (
                ("here", f"{column} is not null"),
                ("list", f"{column}_is = '['"),
                ("map", f"{column}_is = '{{'"),
            )
        }

    def select(self, logs: Sequence[Log], copies: Mapping[Path, Copy]) -> str:
        """Return the SQL of the events, which `lines` describes.

        Columns: `message`, `readable`, `time`, `stream`, `log_group`, `received`, `many` and the fields used. `many` is
        whether the event has more fields than CloudWatch finds; a column that ends with `_is` has the sign with which
        the JSON of a field begins.
        """
        wanted = [*TIMES, "kind", *(name for name in self._columns if name not in (*TIMES, "kind"))]
        places: dict[str, str] = {}
        begins: dict[str, str] = {}
        paths: list[str] = []
        for name in wanted:
            ways = pointers(name)
            first, last = len(paths) + 1, len(paths) + len(ways)
            others = f", first_leaf(fields[{first + 1}:{last}])" if len(ways) > 1 else ""
            places[name] = f"coalesce(leaf(fields[{first}]){others})"
            begins[name] = (
                f"coalesce({', '.join(f'left(fields[{place}]::varchar, 1)' for place in range(first, last + 1))})"
            )
            paths += ways
        columns = "".join(
            f", {places[name]} as {column}, {begins[name]} as {column}_is" for name, column in self._columns.items()
        )
        many = f"coalesce(fields is not null and has_more_fields(message, {_DISCOVERED}), false)"
        times = ", ".join(f"moment({places[name]})" for name in TIMES)
        # Parse only what looks like an object: a TRY that fails once parses its whole vector row by row.
        return f"""
            select
                message, fields is not null as readable, {many if self._columns else "false"} as many,
                coalesce(moment(written), {times}) as time,
                coalesce(log_stream, stream_of(message, {places["kind"]})) as stream,
                log_group, received
                {columns}
            from (
                select *, case
                    when braced(message) then try(json_extract(message, [{", ".join(map(literal, paths))}]))
                end as fields
                from ({lines(logs, copies)})
            )
        """


def lines(logs: Sequence[Log], copies: Mapping[Path, Copy]) -> str:
    """Return the SQL of all lines: `message`, `written` (the time before it), `log_stream`, `log_group`, `received`.

    Args:
        logs: The logs.
        copies: Copies to read in place of some logs, by the paths of those logs.
    """
    alike: dict[tuple[bool, bool, int, str | None, str | None], list[str]] = {}
    for log in logs:
        copy = copies.get(log.path)
        way = (
            log.shape is Shape.EXPORT,
            log.gzipped and copy is None,
            copy.longest if copy else 0,
            log.stream,
            log.group,
        )
        alike.setdefault(way, []).append(literal(str(copy.path if copy else log.path)))
    parts = []
    for (exported, gzipped, longest, stream, group), files in alike.items():
        listed = f"[{', '.join(files)}]"
        reader = (
            json_reader(listed, longest=longest) if longest else line_reader(listed, "'gzip'" if gzipped else "'none'")
        )
        columns = [f"{_text(stream)} as log_stream", f"{_text(group)} as log_group"]
        columns.append("received * 1000 as received" if longest else "null::bigint as received")
        parts.append(messages(reader, exported=exported, column=", ".join(columns)))
    return " union all by name ".join(parts)


def _text(known: str | None) -> str:
    return "null::varchar" if known is None else literal(known)
