"""Logs counted by DuckDB: each line is read and parsed once, all questions are answered over columns.

There are two ways. DuckDB's JSON reader is the faster one (`columnar`), exact where every line is an event with a time
and no question needs more than the values of fields. Otherwise a file is read as raw lines (a CSV of one column with
no delimiter, `statement`), because only so text patterns, exact counts of what is no JSON, and missing against null
come out right. What DuckDB refuses (a carriage return inside a line, bytes that are no UTF-8, lines over 4 MiB) and
what SQL cannot say goes to the Python reference.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import duckdb

from eks_audit_constructs.replay import columnar, counts, reference
from eks_audit_constructs.replay.counts import Answer, LogCounts, Question, Sample
from eks_audit_constructs.replay.logs import Log, Shape, check_gzip
from eks_audit_constructs.replay.statement import UnsayableError, aggregates, select_events

__all__ = ["Progress", "count"]

Progress: TypeAlias = Callable[[float], None]
"""Called now and then with the share of the input that is done, 0 to 1."""

_Row: TypeAlias = tuple[Any, ...]

_POLL_SECONDS = 0.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALONE = 4 * 1024 * 1024
"""Bytes from which on a file is read by a query of its own."""
_BATCH = 200
"""Smaller files read by one query: a query takes tens of milliseconds to plan, and an export folder has thousands."""
_FILLED = """
    select * replace (coalesce(
        happened,
        last_value(happened ignore nulls) over (
            partition by source order by rowid rows between unbounded preceding and current row
        ),
        first_value(happened ignore nulls) over (
            partition by source order by rowid rows between current row and unbounded following
        )
    ) as happened), happened is null as untimed from events
"""
"""Every event with a time: its own, that of the event before it, or the first of its file."""


def count(
    logs: Sequence[Log], questions: Sequence[Question], *, sizes: bool = True, progress: Progress | None = None
) -> LogCounts:
    """Count the events of some logs, minute by minute.

    Args:
        logs: The logs; an event without a time takes that of the event before it in the same log.
        questions: What to count.
        sizes: Whether the sizes of the events matter; without them `LogCounts.sizes` is of no use.
        progress: Told how far the work is.

    Raises:
        AuditConfigurationError: A log cannot be read to its end.
    """
    report = progress or (lambda _: None)
    whole = sum(log.size for log in logs) or 1
    done = 0
    results = []
    with _database() as database:
        for batch in _batches(logs):
            size = sum(log.size for log in batch)
            with _watched(database, partial(_report_part, report, done / whole, size / whole)):
                results += _count(database, batch, questions, sizes)
            done += size
            report(done / whole)
    return counts.add(results, len(questions))


def _report_part(report: Progress, before: float, share: float, part: float) -> None:
    report(before + part * share)


def _batches(logs: Sequence[Log]) -> Iterator[Sequence[Log]]:
    alike: dict[tuple[Shape, bool], list[Log]] = {}
    for log in logs:
        if log.size < _ALONE:
            alike.setdefault((log.shape, log.gzipped), []).append(log)
        else:
            yield [log]
    for group in alike.values():
        yield from (group[start : start + _BATCH] for start in range(0, len(group), _BATCH))


def _count(
    database: duckdb.DuckDBPyConnection, batch: Sequence[Log], questions: Sequence[Question], sizes: bool
) -> list[LogCounts]:
    """The counts of some logs of one shape: of all at once, or of each when DuckDB refuses one of them."""
    shape, gzipped = batch[0].shape, batch[0].gzipped
    if shape is Shape.PAGES:
        return [reference.count(log, questions) for log in batch]
    source = {"files": [str(log.path) for log in batch], "compression": "gzip" if gzipped else "none"}
    try:
        with _checked(batch if gzipped else ()):
            columns = None if sizes or shape is Shape.EXPORT else columnar.select_events(questions)
            rows = None if columns is None else _read_columns(database, columns, questions, source)
            if rows is None:
                rows = _read_lines(database, select_events(shape, questions, files=len(batch)), questions, source)
    except UnsayableError:
        return [reference.count(log, questions) for log in batch]
    except duckdb.Error:
        if len(batch) > 1:
            return [part for log in batch for part in _count(database, [log], questions, sizes)]
        return [reference.count(batch[0], questions)]
    return [_summary(rows, len(questions))]


def _read_columns(
    database: duckdb.DuckDBPyConnection, select: str, questions: Sequence[Question], source: Mapping[str, object]
) -> list[_Row] | None:
    """Read with the JSON reader; None if there was a line of which that tells too little."""
    try:
        rows = database.execute(_by_minute(f"select *, false as untimed from ({select})", questions), source).fetchall()
    except duckdb.Error:
        return None
    return None if rows and rows[-1][0] is None else rows


def _read_lines(
    database: duckdb.DuckDBPyConnection, select: str, questions: Sequence[Question], source: Mapping[str, object]
) -> list[_Row]:
    database.execute(f"create or replace temp table events as {select}", source)
    timed = database.execute("select count(*) = count(happened) from events").fetchone() == (True,)
    events = "select *, false as untimed from events" if timed else _FILLED
    return database.execute(_by_minute(events, questions)).fetchall()


def _by_minute(events: str, questions: Sequence[Question]) -> str:
    """A row for each minute, the one without a minute last."""
    return f"""
        select
            cast(floor(happened / 6e7) as bigint) * 60 as minute, count(*),
            count(*) filter (not readable), count(*) filter (untimed),
            min(happened) filter (not untimed), max(happened) filter (not untimed), sum(size)
            {aggregates(questions)}
        from ({events}) group by minute order by minute nulls last
    """


@contextmanager
def _checked(logs: Sequence[Log]) -> Iterator[None]:
    """Meanwhile check the gzip files: DuckDB takes the end of damaged data for the end of the file."""
    with ThreadPoolExecutor(max_workers=1) as checker:
        checks = [checker.submit(check_gzip, log) for log in logs]
        try:
            yield
            for check in checks:
                check.result()
        finally:
            for check in checks:
                check.cancel()


def _summary(rows: Sequence[_Row], questions: int) -> LogCounts:
    matched = [0] * questions
    minutes: list[dict[int, Sample]] = [{} for _ in range(questions)]
    for minute, _, _, _, _, _, _, *told in rows:
        for index in range(questions):
            matches, *sample = told[index * 5 : index * 5 + 5]
            matched[index] += int(matches)
            if sample[0] and minute is not None:
                minutes[index][minute] = Sample(int(sample[0]), *map(float, sample[1:]))
    dated = [row for row in rows if row[0] is not None]
    return LogCounts(
        events=sum(row[1] for row in rows),
        unreadable=sum(row[2] for row in rows),
        untimed=sum(row[3] for row in rows),
        undated=sum(row[1] for row in rows if row[0] is None),
        first=min((_moment(row[4]) for row in dated if row[4] is not None), default=None),
        last=max((_moment(row[5]) for row in dated if row[5] is not None), default=None),
        lines={row[0]: row[1] for row in dated},
        sizes={row[0]: int(row[6]) for row in dated},
        answers=tuple(Answer(matched=number, minutes=series) for number, series in zip(matched, minutes, strict=True)),
    )


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    with (
        tempfile.TemporaryDirectory(prefix="eks-audit-") as spill,
        duckdb.connect(":memory:", config={"temp_directory": spill}) as database,
    ):
        database.execute("set autoinstall_known_extensions = false")
        database.execute("set enable_progress_bar = true")
        database.execute("set enable_progress_bar_print = false")
        yield database


@contextmanager
def _watched(database: duckdb.DuckDBPyConnection, report: Progress) -> Iterator[None]:
    """Report the progress of the query that runs meanwhile."""
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_POLL_SECONDS):
            report(max(0.0, database.query_progress()) / 100)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
