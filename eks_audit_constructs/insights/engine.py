"""Query execution: DuckDB reads the audit logs once, on all processors, and keeps what the query needs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import orjson

from eks_audit_constructs.audit_logs.logs import Log, read_lines
from eks_audit_constructs.duck import session
from eks_audit_constructs.errors import QueryError
from eks_audit_constructs.insights.empty import Found, remarks
from eks_audit_constructs.insights.events import Copy, lines
from eks_audit_constructs.insights.parser import parse
from eks_audit_constructs.insights.plan import Plan, plan
from eks_audit_constructs.insights.syntax import Script
from eks_audit_constructs.insights.values import Kind
from eks_audit_constructs.reports import number

__all__ = ["Cell", "Table", "answer"]

Cell: TypeAlias = str | int | float | None
"""A time is text in UTC, as CloudWatch shows it; true and false are 1 and 0; None is a missing field."""

_COUNTS = "sum(n), sum(n) filter (keep), sum(unreadable), sum(untimed), sum(many)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The result of a query.

    Attributes:
        columns: Column names.
        rows: At most as many as the query's limit; 10,000 without one.
        matched: Events that pass all filters before the first stats.
        scanned: Events in the logs; blank lines do not count.
        unreadable: Scanned events that are not JSON objects.
        untimed: Scanned events without a time, which have no `@timestamp`.
        notes: Remarks on the query and on what is empty, and on the logs: damage, and what was left out.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    matched: int
    scanned: int
    unreadable: int
    untimed: int
    notes: tuple[str, ...] = ()


def answer(script: Script, logs: Sequence[Log], *, progress: Callable[[float], None] | None = None) -> Table:
    """Run a Logs Insights query.

    Args:
        script: The query.
        logs: The logs, as found by `audit_logs.logs.opened`.
        progress: Called from time to time with the fraction of the work that is done, 0 to 1.

    Raises:
        QueryError: The text is not a query, CloudWatch would reject it, or it uses something that cannot be run
            offline (the error names line and column); a log cannot be read; or memory or disk space runs out.
    """
    planned = plan(script, parse(script), now=time.time())
    try:
        with session.database() as database, session.checked([log for log in logs if log.gzipped]):
            with session.watched(database, progress or (lambda _: None)):
                _reduce(database, planned, logs)
            found = ", ".join([_COUNTS, *(f"bool_or({column})" for column in planned.events.findings)])
            counts = database.execute(f"select {found} from reduced").fetchone()
            rows = database.execute(planned.result).fetchall()
    except duckdb.Error as error:
        raise QueryError(
            script.where,
            value=script.text,
            limit=f"DuckDB cannot run it: {str(error).splitlines()[0]}",
            way_out="If memory or the disk is full, query fewer logs at a time.",
        ) from error
    assert counts is not None
    scanned, matched, unreadable, untimed, many = (int(count or 0) for count in counts[:5])
    here, lists, maps = (map(bool, counts[first::3]) for first in (5, 6, 7))
    fields = dict(zip(planned.events.names, map(Found, here, lists, maps), strict=True))
    kinds = [kind for _, kind in planned.columns]
    return Table(
        columns=tuple(name for name, _ in planned.columns),
        rows=tuple(tuple(map(_cell, row, kinds)) for row in rows),
        matched=matched,
        scanned=scanned,
        unreadable=unreadable,
        untimed=untimed,
        notes=(*_notes(script, fields if scanned > unreadable else {}, many), *planned.events.notes(logs)),
    )


def _notes(script: Script, fields: Mapping[str, Found], many: int) -> Iterator[str]:
    yield from script.notes
    yield from remarks(script.text, fields)
    if many:
        yield (
            f"{number(many, 'event has', 'events have')} more than 200 fields, of which CloudWatch finds the first 200;"
            " here all are found. In CloudWatch, search @message for the others."
        )


def _reduce(database: duckdb.DuckDBPyConnection, planned: Plan, logs: Sequence[Log]) -> None:
    """Create the table `reduced` from the logs, using copies of those that DuckDB cannot read as they are."""
    with tempfile.TemporaryDirectory(prefix="eks-audit-") as folder:
        copies: dict[Path, Copy] = {}
        for log in logs:
            if log.received is not None and planned.events.uses_received:
                copies[log.path] = _copied(log, Path(folder, f"{len(copies)}.jsonl"))
        before = len(copies)
        try:
            _read(database, planned, logs, copies)
        except duckdb.Error as refusal:
            for log in logs:
                if log.path not in copies and not _readable(database, log):
                    copies[log.path] = _copied(log, Path(folder, f"{len(copies)}.jsonl"))
            if len(copies) == before:
                raise refusal
            _read(database, planned, logs, copies)


def _read(database: duckdb.DuckDBPyConnection, planned: Plan, logs: Sequence[Log], copies: Mapping[Path, Copy]) -> None:
    database.execute(f"create or replace temp view lines as {planned.events.select(logs, copies)}")
    database.execute(f"create or replace temp table reduced as {planned.reduce}")


def _readable(database: duckdb.DuckDBPyConnection, log: Log) -> bool:
    """Return False for a carriage return inside a line, a byte that is not UTF-8, or a line over 4 MiB."""
    try:
        database.execute(f"select sum(strlen(message)) from ({lines([log], {})})")
    except duckdb.Error:
        return False
    return True


def _copied(log: Log, path: Path) -> Copy:
    longest = 0
    with ExitStack() as opened:
        copy = opened.enter_context(path.open("wb"))
        times = opened.enter_context(log.received.open("rb")) if log.received is not None else repeat(b"")
        for line, time in zip(read_lines(log), times, strict=False):
            received = int(time) if time.strip() else None
            document = orjson.dumps({"line": line.decode(errors="replace"), "received": received}) + b"\n"
            longest = max(longest, copy.write(document))
    return Copy(path, longest)


def _cell(value: Any, kind: Kind) -> Cell:
    if value is None:
        return None
    if kind is Kind.TIME:
        moment = _EPOCH + timedelta(microseconds=value // 1000 * 1000)
        return moment.isoformat(" ", "milliseconds").removesuffix("+00:00")
    if kind in (Kind.NUMBER, Kind.TRUTH):
        return int(value) if value == int(value) and abs(value) < 2**53 else float(value)
    return str(value)
