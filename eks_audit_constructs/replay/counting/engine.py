"""Logs counted by DuckDB: each line is parsed once, each question is a column (`hits`), each minute a row (`tally`).

There are two ways. DuckDB's JSON reader is the faster one (`columnar`), exact where every line is an event with a time.
What questions ask of the text of lines is then answered from a second look at the file that parses nothing. Otherwise
a file is read as raw lines (a CSV of one column with no delimiter, `statement`), because only so what is no JSON is
counted exactly and an event without a time finds the one before it. What DuckDB refuses (a carriage return inside a
line, bytes that are no UTF-8, lines over 4 MiB) and what SQL cannot say goes to the Python reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import duckdb

from eks_audit_constructs.audit_logs.logs import Log, Shape
from eks_audit_constructs.duck import session
from eks_audit_constructs.duck.session import Progress
from eks_audit_constructs.replay.counting import columnar, counts, duplicates, reference, tally
from eks_audit_constructs.replay.counting.counts import Answer, LogCounts, Question
from eks_audit_constructs.replay.counting.hits import Hits, is_textual
from eks_audit_constructs.replay.counting.statement import select_events
from eks_audit_constructs.replay.counting.values import UnsayableError

__all__ = ["count"]

_Source: TypeAlias = Mapping[str, object]
"""What a statement reads: its parameters `files` and `compression`."""

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
        LogError: A log cannot be read to its end.
    """
    report = progress or (lambda _: None)
    every = duplicates.every(logs)
    whole = sum(log.size for log in logs) or 1
    done = 0
    results = []
    with session.database() as database:
        for batch in _batches(logs):
            size = sum(log.size for log in batch)
            with session.watched(database, partial(_report_part, report, done / whole, size / whole)):
                results += _count(database, batch, questions, sizes, every)
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
    database: duckdb.DuckDBPyConnection, batch: Sequence[Log], questions: Sequence[Question], sizes: bool, every: int
) -> list[LogCounts]:
    """The counts of some logs of one shape: of all at once, or of each when DuckDB refuses one of them."""
    shape, gzipped = batch[0].shape, batch[0].gzipped
    source: _Source = {"files": [str(log.path) for log in batch], "compression": "gzip" if gzipped else "none"}
    try:
        with session.checked(batch if gzipped else ()):
            counted = (
                None if sizes or shape is Shape.EXPORT else _read_columns(database, batch, questions, every, source)
            )
            return [counted or _read_lines(database, batch, questions, every, source)]
    except UnsayableError:
        return [reference.count(log, questions, every) for log in batch]
    except duckdb.Error:
        if len(batch) > 1:
            return [part for log in batch for part in _count(database, [log], questions, sizes, every)]
        return [reference.count(batch[0], questions, every)]


def _read_columns(
    database: duckdb.DuckDBPyConnection,
    batch: Sequence[Log],
    questions: Sequence[Question],
    every: int,
    source: _Source,
) -> LogCounts | None:
    """Read with the JSON reader, and once more where questions ask for text; None if that does not tell enough."""
    texts = [question for question in questions if is_textual(question.condition)]
    others = [question for question in questions if not is_textual(question.condition)]
    # While it matters to no event whether a field is null or missing, it need not be told.
    lacking = [Question(condition=condition) for condition in columnar.lacking(others)]
    asked = [*others, *lacking]
    hits = Hits(asked)
    for guess in (True, False):
        try:
            events = f"select *, false as untimed from ({columnar.select_events(hits, guess=guess)})"
            rows = database.execute(tally.statement(events, hits, every), source).fetchall()
        except (UnsayableError, duckdb.Error):
            return None
        told = tally.summary(rows, hits, every)
        if not told.undated:
            break
    else:
        return None
    lack = any(answer.matched for answer in told.answers[len(others) :])
    nulls = [Question(condition=condition) for condition in columnar.nulls(others)] if lack else []
    found = _read_matching(database, batch, [*nulls, *texts], source) if nulls or texts else ()
    if any(answer.matched for answer in found[: len(nulls)]):
        return None
    by_text, by_field = iter(found[len(nulls) :]), iter(told.answers[: len(others)])
    answers = tuple(next(by_text if is_textual(question.condition) else by_field) for question in questions)
    return replace(told, answers=answers)


def _read_matching(
    database: duckdb.DuckDBPyConnection, batch: Sequence[Log], questions: Sequence[Question], source: _Source
) -> tuple[Answer, ...]:
    """The answers to questions that ask for text, of lines that all have times."""
    hits = Hits(questions)
    matching = [question.condition for question in questions]
    select = select_events(batch[0].shape, hits, files=len(batch), matching=matching)
    rows = database.execute(tally.statement(f"select *, false as untimed from ({select})", hits), source).fetchall()
    return tally.summary(rows, hits).answers


def _read_lines(
    database: duckdb.DuckDBPyConnection,
    batch: Sequence[Log],
    questions: Sequence[Question],
    every: int,
    source: _Source,
) -> LogCounts:
    hits = Hits(questions)
    select = select_events(batch[0].shape, hits, files=len(batch))
    database.execute(f"create or replace temp table events as {select}", source)
    timed = database.execute("select count(*) = count(happened) from events").fetchone() == (True,)
    events = "select *, false as untimed from events" if timed else _FILLED
    rows = database.execute(tally.statement(events, hits, every)).fetchall()
    return tally.summary(rows, hits, every)
